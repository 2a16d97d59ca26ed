//! Figure 2, Rules for Servers: what each does by itself, in each of its roles.

use harness::{Cluster, envelope, kind};
use quorate::{EntryId, LogIndex, Message, ProgressState, RawNode, RoleKind};

use crate::messages::{ELECTION, accepted, empty_append, heartbeat, no_pre_vote, vote, vote_request};

/// All servers: what is committed and not applied is applied, in the order of the log.
#[test]
fn committed_entries_are_applied_in_order() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[], &[]]);
    cluster.step(envelope(2, 1, 1, heartbeat(3)));
    assert_eq!(cluster.applied(1), ["1@1", "2@1", "3@1"]);
}

/// All servers: a larger term in any message is taken over, and whoever stood or led becomes a follower.
#[test]
fn newer_term_makes_a_follower_of_any_role() {
    let messages = [
        empty_append(),
        vote_request(EntryId::new(9, 9)),
        vote(false),
        accepted(0),
        Message::AppendRejected { rejected: LogIndex(1), hint: EntryId::ZERO },
        heartbeat(0),
        Message::HeartbeatResponse { echo: quorate::Echo::default() },
        Message::PreVoteResponse { granted: false, committed: None },
    ];
    for message in messages {
        for role in [RoleKind::Follower, RoleKind::PreCandidate, RoleKind::Candidate, RoleKind::Leader] {
            let mut cluster = Cluster::with_config(3, |config| {
                (config.pre_vote, config.check_quorum) = (role == RoleKind::PreCandidate, false);
            });
            if role != RoleKind::Follower {
                cluster.on(1, RawNode::campaign).unwrap();
            }
            if role == RoleKind::Leader {
                cluster.settle();
            }
            assert_eq!(cluster.role(1), role);
            cluster.step(envelope(2, 1, 7, message.clone()));
            assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 7), "{message}");
        }
    }
}

/// Followers: they answer requests, and say nothing unasked.
#[test]
fn follower_speaks_only_when_spoken_to() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.tick(2, ELECTION - 1);
    assert_eq!(cluster.take_said().len(), 0);
    cluster.step(envelope(1, 2, 1, heartbeat(0)));
    assert_eq!(cluster.take_said(), ["n2@1 → n1 HeartbeatResponse"]);
}

/// Followers: an append of the current leader restarts the timer; one of a leader of the past does not.
#[test]
fn only_the_current_leader_restarts_the_timer() {
    for (term, stays) in [(3, true), (2, false)] {
        let mut cluster = Cluster::with_logs(&[&[3], &[3], &[3]]);
        for _ in 0..10 {
            cluster.tick(1, ELECTION / 2);
            cluster.step(envelope(2, 1, term, empty_append()));
        }
        assert_eq!(cluster.role(1) == RoleKind::Follower, stays, "hears from a leader of term {term}");
    }
}

/// Followers: who grants a vote waits for another election timeout; who refuses one does not.
#[test]
fn granted_vote_restarts_the_timer() {
    for (last, waits) in [(EntryId::new(1, 1), true), (EntryId::ZERO, false)] {
        // The longest timeout has passed but for one tick, whatever was drawn.
        let mut stood = 0;
        for seed in 0..20 {
            let mut cluster = Cluster::with_logs_and_config(&[&[1], &[], &[]], |config| config.seed = seed);
            cluster.tick(1, ELECTION - 1);
            cluster.step(envelope(2, 1, 1, vote_request(last)));
            cluster.tick(1, ELECTION - 1);
            stood += usize::from(cluster.role(1) != RoleKind::Follower);
        }
        assert_eq!(stood == 0, waits, "{stood} of 20 stood");
    }
}

/// Candidates: on standing, the term grows by one, the own vote is given, and all others are asked.
#[test]
fn candidate_votes_for_itself_and_asks_all_others() {
    let mut cluster = no_pre_vote(3);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 1));
    assert_eq!(cluster.node(1).disk().hard_state().vote, Some(quorate::NodeId(1)));
    assert_eq!(cluster.take_said(), ["n1@1 → n2 VoteRequest last=0@0", "n1@1 → n3 VoteRequest last=0@0"]);
}

/// Candidates: on standing, the timer starts again.
#[test]
fn candidate_waits_a_whole_timeout_before_it_stands_again() {
    let mut cluster = no_pre_vote(3);
    cluster.tick(1, ELECTION - 1);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.tick(1, ELECTION - 1);
    assert_eq!(cluster.term(1), 1);
    cluster.tick(1, ELECTION);
    assert_eq!(cluster.term(1), 2);
}

/// Leaders: on election, each other server hears of it at once.
/// Deviation: by the append of the blank entry, not by an empty one.
#[test]
fn new_leader_tells_everybody_at_once() {
    let mut cluster = Cluster::of(5);
    cluster.on(1, RawNode::campaign).unwrap();
    while cluster.deliver(|m| kind(m).contains("vote")) > 0 {}
    assert!(cluster.leads(1));
    assert_eq!(cluster.network.take(|m| kind(m) == "append_request").len(), 4);
}

/// Leaders: heartbeats go to all in idle times, more often than anybody times out.
#[test]
fn idle_leader_sends_heartbeats() {
    let mut cluster = Cluster::with_config(3, |config| config.heartbeat_ticks = 3);
    cluster.elect(1);
    for _ in 0..3 {
        cluster.tick(1, 2);
        assert_eq!(cluster.take_said().len(), 0);
        cluster.tick(1, 1);
        assert_eq!(cluster.network.take(|m| kind(m) == "heartbeat").len(), 2);
    }
}

/// Leaders: a command from a client is appended to the own log, and answered when it is applied.
#[test]
fn command_is_appended_first_and_applied_later() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    assert_eq!((cluster.terms(1).len(), cluster.applied(1).len()), (2, 0));
    cluster.settle();
    assert_eq!(cluster.applied(1), ["a"]);
}

/// Leaders: as long as the log goes beyond a follower's nextIndex, it is sent what stands from there on.
#[test]
fn follower_is_sent_what_it_lacks_and_no_more() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.propose(1, "a");
    assert_eq!(cluster.progress(1, 2).next, LogIndex(3));
    cluster.propose(1, "b");
    let sent = cluster.network.take(|m| kind(m) == "append_request");
    let previous = |m: &quorate::Envelope| {
        let Message::AppendRequest { previous, entries, .. } = &m.message else { return None };
        Some((previous.index.0, entries.len()))
    };
    assert_eq!(sent.iter().filter_map(previous).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
}

/// Leaders: an append that was accepted moves nextIndex and matchIndex on.
#[test]
fn accepted_append_moves_both_indexes() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    let progress = cluster.progress(1, 2);
    assert_eq!((progress.matched, progress.next), (LogIndex(2), LogIndex(3)));
    assert!(matches!(progress.state, ProgressState::Replicate { .. }));
}

/// Leaders: an append that was refused moves nextIndex back, and is tried again at once.
#[test]
fn refused_append_is_tried_again_from_further_back() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[1], &[1, 1, 1]]);
    cluster.isolate(2);
    cluster.elect(1);
    cluster.heal();
    cluster.tick(1, 1);
    let refusal = Message::AppendRejected { rejected: LogIndex(3), hint: EntryId::new(1, 1) };
    cluster.lose_in_flight();
    cluster.step(envelope(2, 1, 2, refusal));
    let said = cluster.take_said();
    assert!(said.len() == 1 && said[0].contains("AppendRequest previous=1@1"), "{said:?}");
}

/// Leaders: an entry of the own term is committed when a majority has it, and not before.
#[test]
fn entry_of_the_own_term_on_a_majority_is_committed() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.lose_in_flight();
    cluster.step(envelope(2, 1, 1, accepted(2)));
    assert_eq!(cluster.committed(1), 1, "two of five");
    cluster.step(envelope(3, 1, 1, accepted(2)));
    assert_eq!(cluster.committed(1), 2, "three of five");
}
