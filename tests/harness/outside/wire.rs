//! Bytes that claim to be a message.

use bytes::{BufMut, Bytes, BytesMut};
use quorate::{
    ConfChange, EntryId, EntryKind, Membership, Message,
    wire::{decode, encode},
};

use super::{choices::Choices, messages::Known};

/// Takes `data` for a message, for a change of membership in each of its forms, and for the choices that make a message.
/// What can be read must say the same when it is written and read again, and must not be larger than its bytes.
///
/// # Panics
/// If that is not so.
pub fn wire(data: &[u8]) {
    message(data);
    chosen(data);
    for entry_type in [1, 2] {
        message(&append_of(entry_type, data));
    }
    if let Some(change) = ConfChange::from_data(&Bytes::copy_from_slice(data)) {
        assert_eq!(change.to_data(), data, "a change of membership has one form");
    }
}

fn message(data: &[u8]) {
    let Ok(envelope) = decode(Bytes::copy_from_slice(data)) else { return };
    assert!(items(&envelope.message) <= data.len(), "{envelope} came from {} bytes", data.len());
    let mut buffer = BytesMut::new();
    encode(&envelope, &mut buffer).expect("it is all in memory");
    assert_eq!(decode(buffer.freeze()), Ok(envelope), "it says the same again");
}

/// A message that a node could send arrives as it was sent, or is refused.
fn chosen(data: &[u8]) {
    let last = EntryId::new(4, 9);
    let sender = Known { id: 1, term: 5, last, commit: 7, written: 3, applied: 6 };
    let sent = sender.envelope(&mut Choices::of(data));
    let mut buffer = BytesMut::new();
    encode(&sent, &mut buffer).expect("it is all in memory");
    let buffer = buffer.freeze();
    message(&buffer);
    // Entries may be of no sense, such as a blank one that holds a command; they arrive as something else.
    let has_entries = matches!(sent.message, Message::AppendRequest { .. } | Message::Propose { .. });
    let arrived = decode(buffer);
    assert!(has_entries || arrived.is_err() || arrived == Ok(sent), "it arrived as {arrived:?}");
}

/// How many things a message is made of; each has cost its sender a byte at least.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others hold nothing that could grow")]
fn items(message: &Message) -> usize {
    match message {
        Message::AppendRequest { entries, .. } => {
            entries.iter().map(|entry| 1 + content(entry.kind(), entry.data())).sum()
        }
        Message::Propose { proposals } => proposals.iter().map(|one| 1 + content(one.kind, &one.data)).sum(),
        Message::ProposeRefused { sequences } => sequences.len(),
        Message::SnapshotRequest { snapshot } => {
            let Membership { learners, learners_next, voters, .. } = &snapshot.membership;
            let voters = voters.incoming.voters().len() + voters.outgoing.voters().len();
            voters
                + learners.len()
                + learners_next.len()
                + usize::try_from(snapshot.data.size()).unwrap_or(usize::MAX)
        }
        _ => 0,
    }
}

/// A command's bytes are the sender's own; a change of membership was written anew, nine bytes a step.
fn content(kind: EntryKind, data: &Bytes) -> usize {
    if kind == EntryKind::ConfChange { data.len() / 9 } else { data.len() }
}

/// An append of one entry of this type, which holds `data`: 1 and 2 are the two forms of a change of membership.
fn append_of(entry_type: u8, data: &[u8]) -> Vec<u8> {
    let mut entry = vec![0x08, entry_type, 0x10, 1, 0x18, 1, 0x22];
    put_length(&mut entry, data.len());
    entry.put_slice(data);
    let mut message = vec![0x08, 3, 0x10, 2, 0x18, 1, 0x20, 1, 0x3a];
    put_length(&mut message, entry.len());
    message.put_slice(&entry);
    message
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put_length(buffer: &mut Vec<u8>, length: usize) {
    let mut left = length as u64;
    loop {
        let byte = left.to_le_bytes()[0] & 0x7f;
        left >>= 7;
        if left == 0 {
            buffer.push(byte);
            return;
        }
        buffer.push(byte | 0x80);
    }
}
