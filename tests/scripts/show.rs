//! How things are written down.

use bytes::Bytes;
use quorate::{
    ConfChange, Entry, EntryKind, Inflight, LogIndex, NodeId, Progress, ProgressState, Ready, Status, Storage,
};

use crate::{arguments::Refusal, membership, server::Server};

pub(crate) fn entry(entry: &Entry) -> String {
    let what = match entry.kind() {
        EntryKind::Normal => text(entry.data()),
        EntryKind::Blank => "blank".to_owned(),
        EntryKind::ConfChange => ConfChange::from_data(entry.data())
            .map_or("?".to_owned(), |change| membership::show_change(&change)),
    };
    format!("{} {what}", entry.id).trim_end().to_owned()
}

fn text(data: &Bytes) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// Everything in a Ready but the messages that leave at once, in its order.
pub(crate) fn ready(ready: &Ready) -> String {
    let mut lines = vec![format!("takes Ready {}", ready.number)];
    if let Some(snapshot) = &ready.snapshot {
        lines.push(format!("write snapshot {}", snapshot.last));
    }
    for run in &ready.entries {
        lines.push(format!("write {run}"));
    }
    if let Some(hard_state) = ready.hard_state {
        let vote = hard_state.vote.map_or("nobody".to_owned(), |vote| vote.to_string());
        lines.push(format!("write term={} vote={vote} commit={}", hard_state.term, hard_state.commit));
    }
    if ready.must_sync {
        lines.push("wait until that is durable".to_owned());
    }
    for envelope in &ready.messages_after_write {
        lines.push(format!("after the write, send {envelope}"));
    }
    for run in &ready.committed {
        lines.push(format!("apply {run}"));
    }
    lines.join("\n  ")
}

pub(crate) fn status(status: &Status) -> String {
    let leader = status.leader.map_or("nobody".to_owned(), |leader| leader.to_string());
    let vote = status.hard_state.vote.map_or("nobody".to_owned(), |vote| vote.to_string());
    let mut text = format!(
        "is {}, leader={leader} vote={vote} last={} durable={} commit={} applied={} {}",
        status.role,
        status.last_index,
        status.durable,
        status.hard_state.commit,
        status.applied,
        status.membership
    );
    for (node, progress) in &status.progress {
        text.push_str(&format!("\n  {}", self::progress(*node, progress)));
    }
    text
}

fn progress(node: NodeId, progress: &Progress) -> String {
    let Progress { matched, next, .. } = progress;
    let state = match &progress.state {
        ProgressState::Probe { sent: false } => "probe".to_owned(),
        ProgressState::Probe { sent: true } => "probe, waiting".to_owned(),
        ProgressState::Replicate { inflight, .. } => format!("replicate{}", window(inflight)),
        ProgressState::Snapshot { last, .. } => format!("snapshot {last}, waiting"),
    };
    let silent = if progress.recent_active { "" } else { ", silent" };
    format!("{node} matched={matched} next={next} {state}{silent}")
}

fn window(inflight: &Inflight) -> String {
    let full = if inflight.is_full() { ", full" } else { "" };
    match inflight.len() {
        0 => String::new(),
        count => format!(", {count} under way{full}"),
    }
}

/// What is on a server's disk: `1@1 2@1`, or what follows a snapshot.
pub(crate) fn disk(server: &Server) -> Result<String, Refusal> {
    let storage = &server.storage;
    let (first, last) = (storage.first_index()?, storage.last_index()?);
    let mut words = Vec::new();
    if first > LogIndex(1) {
        words.push(format!("snapshot {}@{}", first.previous(), storage.term(first.previous())?));
    }
    if first <= last {
        words.extend(storage.entries(first, last, usize::MAX)?.iter().map(entry));
    }
    let hard_state = storage.hard_state();
    let vote = hard_state.vote.map_or("nobody".to_owned(), |vote| vote.to_string());
    words.push(format!("(term={} vote={vote} commit={})", hard_state.term, hard_state.commit));
    Ok(words.join(", ").replace(", (", " ("))
}
