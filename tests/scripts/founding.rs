//! The `cluster` command: nodes as a script wants to find them.

use std::collections::BTreeMap;

use quorate::{
    Config, Entries, Entry, EntryId, HardState, LogIndex, MemStorage, Membership, NodeId, Ready, Snapshot,
    SnapshotData, Storage, StorageWriter, Term,
};
use slog::Level;

use crate::{
    arguments::{Arguments, Refusal},
    journal::{Decisions, Journal},
    membership,
    server::Server,
};

/// Members and, with `spare="4 5"`, nodes that know the founding membership and are not part of it; of the nodes in
/// `unfounded` they do not even know that.
///
/// Per node or, without the number, for all: `log.1="1@1 2@1" term.1=2 vote.1=3 commit.1=1 snapshot.1=5@1 slow.1=on`,
/// and every field of the configuration under its name.
pub(crate) fn found(
    arguments: &mut Arguments<'_>,
    journal: &Journal,
) -> Result<BTreeMap<NodeId, Server>, Refusal> {
    let membership = membership::parse_membership(arguments)?;
    let spare = arguments.option::<Vec<NodeId>>("spare")?.unwrap_or_default();
    let unfounded = arguments.option::<Vec<NodeId>>("unfounded")?.unwrap_or_default();
    let trace = arguments.option("trace")?.unwrap_or(false);
    let level = if trace { Level::Trace } else { Level::Debug };
    let mut servers = BTreeMap::new();
    for id in membership.members().chain(spare) {
        let config = configure(arguments, id)?;
        let knows_founders = !unfounded.contains(&id);
        let known = if knows_founders { membership.clone() } else { Membership::default() };
        let storage = fill_storage(arguments, id, &known)?;
        let mut server = Server::new(config, storage, known, Decisions::down_to(level));
        server.is_slow = arguments.option_of("slow", id)?.unwrap_or(false);
        servers.insert(id, server);
    }
    // The options of one node were asked for once for each of the others too.
    arguments.finish()?;
    for server in servers.values_mut() {
        server.start(None, journal)?;
    }
    Ok(servers)
}

/// Entries leave memory as soon as they are applied, so that a compacted log is really gone.
fn configure(arguments: &mut Arguments<'_>, id: NodeId) -> Result<Config, Refusal> {
    let mut config = Config::new(id, id.0);
    config.max_log_bytes_in_memory = 0;
    macro_rules! set {
        ($($key:literal => $field:ident),+ $(,)?) => {$(
            if let Some(value) = arguments.option_of($key, id)? {
                config.$field = value;
            }
        )+};
    }
    set! {
        "election" => election_ticks,
        "heartbeat" => heartbeat_ticks,
        "pre-vote" => pre_vote,
        "check-quorum" => check_quorum,
        "lease-reads" => lease_reads,
        "priority" => priority,
        "forward" => forward_proposals,
        "max-message" => max_message_bytes,
        "max-inflight" => max_inflight_messages,
        "max-inflight-bytes" => max_inflight_bytes,
        "max-uncommitted" => max_uncommitted_bytes,
        "max-entry" => max_entry_bytes,
        "max-committed" => max_committed_bytes_per_ready,
        "memory" => max_log_bytes_in_memory,
        "snapshot-ticks" => snapshot_ticks,
        "write-stall" => write_stall_ticks,
    }
    Ok(config)
}

fn fill_storage(
    arguments: &mut Arguments<'_>,
    id: NodeId,
    founders: &Membership,
) -> Result<MemStorage, Refusal> {
    let mut storage = MemStorage::with_membership(founders.clone());
    if let Some(last) = arguments.option_of::<EntryId>("snapshot", id)? {
        let snapshot = Snapshot { last, membership: founders.clone(), data: SnapshotData::default() };
        storage.write(&Ready { snapshot: Some(Box::new(snapshot)), ..Ready::default() })?;
    }
    let ids = arguments.option_of::<Vec<EntryId>>("log", id)?.unwrap_or_default();
    let entries: Vec<_> = ids.into_iter().map(|id| Entry::command(id, bytes::Bytes::new())).collect();
    storage.append(&Entries::try_from(entries)?)?;
    let last = Storage::last_index(&storage)?;
    storage.set_hard_state(HardState {
        term: arguments.option_of("term", id)?.map_or(storage.term(last)?, Term),
        vote: arguments.option_of("vote", id)?,
        commit: arguments.option_of("commit", id)?.unwrap_or(LogIndex::ZERO),
    });
    Ok(storage)
}
