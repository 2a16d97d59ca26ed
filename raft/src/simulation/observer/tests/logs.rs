//! Logs, and what is committed of them.

use super::{
    super::promise::{
        COMMITMENT, DURABLE_BEFORE_SENT, DURABLE_ON_QUORUM, LEADER_APPEND_ONLY, LIMITS, LOG_MATCHING,
    },
    cluster::{Cluster, entries, entry, hard_state, write},
    promise_broken_by,
};
use crate::{
    consensus::{Entries, Entry, EntryId, LogIndex, Message, NodeId, RoleKind},
    simulation::Count,
};

#[test]
fn commits_are_counted_once() {
    let mut cluster = Cluster::with_a_leader();
    cluster.commit(1, 2).unwrap();
    cluster.commit(2, 2).unwrap();
    assert_eq!(cluster.counts.of(Count::Commits), 2);
}

#[test]
fn leader_append_only_a_leader_replaces_its_entries() {
    let mut cluster = Cluster::with_a_leader();
    let again = cluster.append(1, &[(1, 2)]);
    assert_eq!(promise_broken_by(again), LEADER_APPEND_ONLY);
}

#[test]
fn log_matching_the_same_id_names_something_else() {
    let mut cluster = Cluster::with_a_leader();
    let other = Entry::command(EntryId::new(1, 2), "something else");
    let run = Entries::try_from(vec![entry(1, 1), other]).unwrap();
    assert_eq!(promise_broken_by(cluster.write(4, write(run, Some(hard_state(1, None, 0))))), LOG_MATCHING);
}

#[test]
fn log_matching_an_entry_follows_another_than_before() {
    let mut cluster = Cluster::with_a_leader();
    cluster.elect(2, 2, &[3]).unwrap();
    cluster.append(2, &[(2, 3)]).unwrap();
    let message = Message::AppendRequest {
        previous: EntryId::new(2, 2),
        entries: entries(&[(2, 3)]),
        commit: LogIndex::ZERO,
    };
    assert_eq!(promise_broken_by(cluster.send(2, 3, 2, message)), LOG_MATCHING);
}

#[test]
fn log_matching_a_log_has_a_gap() {
    let mut cluster = Cluster::with_a_leader();
    assert_eq!(promise_broken_by(cluster.append(4, &[(1, 2)])), LOG_MATCHING);
}

#[test]
fn log_matching_what_is_sent_is_in_no_log() {
    let mut cluster = Cluster::with_a_leader();
    let message = Message::AppendRequest {
        previous: EntryId::new(1, 2),
        entries: entries(&[(1, 3)]),
        commit: LogIndex::ZERO,
    };
    assert_eq!(promise_broken_by(cluster.send(1, 3, 1, message)), LOG_MATCHING);
}

#[test]
fn log_matching_an_entry_is_acknowledged_that_the_leader_does_not_have() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(3, &[(1, 1)]).unwrap();
    cluster.elect(3, 2, &[1]).unwrap();
    cluster.append(3, &[(2, 2)]).unwrap();
    // n2 still has 2@1, and says that it equals what the leader of term 2 has there.
    cluster.write(2, write(Entries::EMPTY, Some(hard_state(2, None, 0)))).unwrap();
    let accepted = Message::AppendAccepted { matched: LogIndex(2) };
    assert_eq!(promise_broken_by(cluster.send(2, 3, 2, accepted)), LOG_MATCHING);
}

#[test]
fn durable_before_it_is_sent_an_acknowledgement() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.stage(2, write(entries(&[(1, 3)]), None)).unwrap();
    let accepted = Message::AppendAccepted { matched: LogIndex(3) };
    assert_eq!(promise_broken_by(cluster.send(2, 1, 1, accepted)), DURABLE_BEFORE_SENT);
}

#[test]
fn commitment_a_follower_finds_something_committed() {
    let mut cluster = Cluster::with_a_leader();
    assert_eq!(promise_broken_by(cluster.commit(2, 2)), COMMITMENT);
}

#[test]
fn commitment_a_leader_counts_an_entry_of_an_earlier_term() {
    let mut cluster = Cluster::with_a_leader();
    cluster.elect(2, 2, &[1, 3]).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(2, 2)), COMMITMENT);
}

#[test]
fn commitment_a_leader_tells_more_than_is_committed() {
    let mut cluster = Cluster::with_a_leader();
    let notice = Message::CommitNotice { commit: LogIndex(2) };
    assert_eq!(promise_broken_by(cluster.send(1, 2, 1, notice)), COMMITMENT);
}

#[test]
fn durable_on_a_quorum_only_the_leader_has_it() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 3)), DURABLE_ON_QUORUM);
}

#[test]
fn durable_on_a_quorum_a_learner_counts_nowhere() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.append(4, &[(1, 1), (1, 2), (1, 3)]).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 3)), DURABLE_ON_QUORUM);
}

#[test]
fn durable_on_a_quorum_what_is_being_written_is_not() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.stage(2, write(entries(&[(1, 3)]), None)).unwrap();
    cluster.observer.on_begun(NodeId(2));
    assert_eq!(promise_broken_by(cluster.commit(1, 3)), DURABLE_ON_QUORUM);
}

#[test]
fn durable_on_a_quorum_a_lost_disk_has_acknowledged_what_it_had() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.append(2, &[(1, 3)]).unwrap();
    cluster.observer.on_disk_lost(NodeId(2));
    cluster.commit(1, 3).unwrap();
    cluster.append(1, &[(1, 4)]).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 4)), DURABLE_ON_QUORUM);
}

#[test]
fn limits_a_message_is_too_heavy() {
    let mut cluster = Cluster::new();
    cluster.elect(1, 1, &[2]).unwrap();
    let heavy = |index| Entry::command(EntryId::new(1, index), vec![7; 100_000]);
    let run = Entries::try_from(vec![heavy(1), heavy(2)]).unwrap();
    cluster.write(1, write(run.clone(), None)).unwrap();
    let (previous, commit) = (EntryId::ZERO, LogIndex::ZERO);
    let one = Message::AppendRequest { previous, entries: run.slice(LogIndex(1), LogIndex(1)), commit };
    cluster.send(1, 2, 1, one).unwrap();
    let both = Message::AppendRequest { previous, entries: run, commit };
    assert_eq!(promise_broken_by(cluster.send(1, 2, 1, both)), LIMITS);
}

#[test]
fn a_follower_may_replace_what_is_not_committed() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(3, &[(1, 1)]).unwrap();
    cluster.elect(3, 2, &[2]).unwrap();
    cluster.append(3, &[(2, 2)]).unwrap();
    cluster.show(1, hard_state(2, None, 0), RoleKind::Follower).unwrap();
    cluster.append(1, &[(2, 2)]).unwrap();
    cluster.commit(3, 2).unwrap();
}
