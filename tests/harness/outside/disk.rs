//! Anything done to a node whose disk lies.

use std::collections::VecDeque;

use quorate::{ConfChange, Entry, EntryKind, Envelope, MemStorage, RawNode, StorageWriter};
use slog::{Discard, Logger, o};

use super::{
    calls::{Call, Drive},
    choices::Choices,
    liar::{Liar, lies},
    messages::Known,
    start::{config, disk},
};

/// Makes a node with a disk that fails or answers nonsense as `data` says, and does to it what `data` says.
///
/// With `is_told`, each call is printed before it is made.
///
/// # Panics
/// If the node panics, or would spin.
pub fn lying_disk(data: &[u8], is_told: bool) {
    let mut choices = Choices::of(data);
    let config = config(&mut choices);
    let writer = disk(&mut choices);
    let storage = Liar::new(writer.clone(), lies(&mut choices));
    let Ok(mut node) = RawNode::new(config, storage, Logger::root(Discard, o!())) else { return };
    let (mut sent, mut written) = (VecDeque::new(), 0);
    while !choices.are_over() {
        let mut known = Known::of(&node.status(), &writer);
        known.written = written;
        let call = Call::next(&mut choices, &known, &mut sent);
        if is_told {
            eprintln!("{call}");
        }
        match call.make(&mut node) {
            Some(Drive::Converse(times)) => {
                for _ in 0..times {
                    settle(&mut node, &writer, &mut written, &mut sent);
                    let known = Known::of(&node.status(), &writer);
                    let answers = sent.drain(..).filter_map(|sent| known.answer(&sent, true));
                    Call::Step(answers.collect()).make(&mut node);
                }
            }
            // There is no crash: what the disk would be after it is anybody's guess.
            Some(Drive::Compact(_) | Drive::Restart { .. }) | None => {}
            Some(Drive::Ready | Drive::Write(_) | Drive::Apply(_) | Drive::Settle) => {
                settle(&mut node, &writer, &mut written, &mut sent);
            }
        }
    }
}

fn settle(node: &mut RawNode, writer: &MemStorage, written: &mut u64, sent: &mut VecDeque<Envelope>) {
    let mut writer = writer.clone();
    for _ in 0..100 {
        if !node.has_ready() {
            return;
        }
        // An error means: stop the node. One that goes on must not panic either.
        let Ok(mut ready) = node.ready() else { return };
        sent.extend(ready.messages.drain(..));
        drop(writer.write(&ready));
        sent.extend(ready.messages_after_write.drain(..));
        for change in ready.committed.iter().flatten().filter_map(change_in) {
            drop(node.apply_conf_change(&change));
        }
        *written = ready.number;
        node.advance(ready);
    }
    panic!("it would spin");
}

fn change_in(entry: &Entry) -> Option<ConfChange> {
    let is_change = entry.kind() == EntryKind::ConfChange;
    is_change.then(|| ConfChange::from_data(entry.data())).flatten()
}
