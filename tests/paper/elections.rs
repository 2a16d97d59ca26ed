//! Terms, votes and elections: §5.1, §5.2, §5.4.1.

use harness::{Cluster, envelope, kind};
use quorate::{Echo, Entries, EntryId, LogIndex, Message, NodeId, RawNode, RoleKind};

const ELECTION: u32 = 10;

fn no_pre_vote(count: u64) -> Cluster {
    Cluster::with_config(count, |config| config.pre_vote = false)
}

fn empty_append() -> Message {
    Message::AppendRequest { previous: EntryId::ZERO, entries: Entries::EMPTY, commit: LogIndex::ZERO }
}

fn vote_request(last: EntryId) -> Message {
    Message::VoteRequest { last, priority: 0, transfer: false }
}

/// §5.1: a server that sees a larger term takes it over, and if it was a candidate or leader becomes a follower.
#[test]
fn a_newer_term_makes_a_follower_of_any_role() {
    let messages = [
        empty_append(),
        vote_request(EntryId::new(9, 9)),
        Message::VoteResponse { granted: false },
        Message::AppendAccepted { matched: LogIndex::ZERO },
        Message::AppendRejected { rejected: LogIndex(1), hint: EntryId::ZERO },
        Message::Heartbeat { commit: LogIndex::ZERO, echo: Echo::default() },
        Message::HeartbeatResponse { echo: Echo::default() },
        Message::PreVoteResponse { granted: false },
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

/// §5.1: a server refuses a request with a stale term; the answer carries its own.
#[test]
fn a_request_of_an_older_term_is_refused() {
    for request in [
        empty_append(),
        vote_request(EntryId::new(9, 9)),
        Message::PreVoteRequest { last: EntryId::ZERO, priority: 0 },
    ] {
        let mut cluster = Cluster::with_logs(&[&[1, 5], &[1], &[1]]);
        cluster.step(envelope(2, 1, 3, request));
        let said = cluster.take_said();
        assert!(said.len() == 1 && said[0].starts_with("n1@5 → n2"), "{said:?}");
        assert_eq!((cluster.term(1), cluster.terms(1)), (5, vec![1, 5]));
    }
}

/// §5.2: servers begin as followers, and remain so as long as they hear from a leader.
#[test]
fn a_follower_that_hears_from_its_leader_stays_one() {
    let mut cluster = Cluster::of(3);
    assert!((1..=3).all(|id| cluster.role(id) == RoleKind::Follower));
    cluster.elect(1);
    cluster.pass(20 * ELECTION);
    assert!(cluster.leads(1));
    assert!((2..=3).all(|id| cluster.role(id) == RoleKind::Follower && cluster.term(id) == 1));
}

/// §5.2: a follower that hears nothing for its election timeout assumes that there is no leader; the timeout is
/// drawn from a fixed interval, so that servers rarely time out together.
#[test]
fn an_election_timeout_lies_between_once_and_twice_the_configured_one() {
    let mut seen = [0_u32; 20];
    for seed in 0..500 {
        let mut cluster = Cluster::with_config(3, |config| config.seed = seed);
        let waited = (1..=20).find(|_| {
            cluster.tick(1, 1);
            cluster.role(1) == RoleKind::PreCandidate
        });
        seen[waited.expect("at most twice the timeout") - 1] += 1;
    }
    assert!(seen[..9].iter().all(|count| *count == 0), "{seen:?}");
    assert!(seen[9..19].iter().all(|count| *count > 20), "every tick from 10 to 19 is as likely: {seen:?}");
}

/// §5.2: to begin an election, a follower increments its term, votes for itself, and asks all others at once.
#[test]
fn a_candidate_votes_for_itself_and_asks_all_others() {
    let mut cluster = no_pre_vote(3);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 1));
    assert_eq!(cluster.node(1).disk().hard_state().vote, Some(NodeId(1)));
    assert_eq!(cluster.take_said(), ["n1@1 → n2 VoteRequest last=0@0", "n1@1 → n3 VoteRequest last=0@0"]);
}

/// §5.2: a candidate wins with the votes of a majority, loses when it cannot get them, and else waits.
#[test]
fn an_election_is_won_by_a_majority() {
    let cases: [(u64, u64, u64, RoleKind); 10] = [
        (1, 0, 0, RoleKind::Leader),
        (2, 0, 0, RoleKind::Candidate),
        (2, 1, 0, RoleKind::Leader),
        (3, 0, 1, RoleKind::Candidate),
        (3, 1, 0, RoleKind::Leader),
        (3, 0, 2, RoleKind::Follower),
        (4, 1, 1, RoleKind::Candidate),
        (4, 1, 2, RoleKind::Follower),
        (5, 2, 2, RoleKind::Leader),
        (5, 1, 3, RoleKind::Follower),
    ];
    for (count, granted, refused, expected) in cases {
        let mut cluster = no_pre_vote(count);
        cluster.on(1, RawNode::campaign).unwrap();
        for voter in 2..2 + granted + refused {
            let granted = voter < 2 + granted;
            cluster.step(envelope(voter, 1, 1, Message::VoteResponse { granted }));
        }
        assert_eq!(cluster.role(1), expected, "{granted} for and {refused} against, of {count}");
    }
}

/// §5.2: each server votes for at most one candidate in a term, first come, first served.
#[test]
fn a_vote_goes_to_the_first_who_asks() {
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(2, 1, 1, vote_request(EntryId::ZERO)));
    cluster.step(envelope(3, 1, 1, vote_request(EntryId::new(1, 9))));
    cluster.step(envelope(3, 1, 2, vote_request(EntryId::new(1, 9))));
    let expected = [
        "n1@1 → n2 VoteResponse granted=true",
        "n1@1 → n3 VoteResponse granted=false",
        "n1@2 → n3 VoteResponse granted=true",
    ];
    assert_eq!(cluster.take_said(), expected);
}

/// Figure 2, Followers: who grants a vote waits for another election timeout; who refuses one does not.
#[test]
fn a_granted_vote_restarts_the_timer() {
    for (last, waits) in [(EntryId::new(1, 1), true), (EntryId::ZERO, false)] {
        let mut cluster = Cluster::with_logs(&[&[1], &[], &[]]);
        cluster.tick(1, 9);
        cluster.step(envelope(2, 1, 1, vote_request(last)));
        cluster.tick(1, 9);
        let stood = cluster.network.take(|m| kind(m) == "pre_vote_request").len();
        assert!(stood == 0 || !waits, "it has granted its vote, and stands itself");
    }
}

/// §5.2: a candidate that hears from a leader of its term or a newer one recognizes it; from one of an older term, not.
#[test]
fn a_candidate_recognizes_a_leader_of_its_own_term() {
    for (term, expected) in [(0, RoleKind::Candidate), (1, RoleKind::Follower), (2, RoleKind::Follower)] {
        let mut cluster = no_pre_vote(3);
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.step(envelope(2, 1, term, empty_append()));
        assert_eq!(cluster.role(1), expected, "a leader of term {term}");
    }
}

/// §5.2: votes may be split so that nobody wins; then each candidate times out and begins a new election.
#[test]
fn a_split_vote_ends_in_a_later_term() {
    let mut cluster = no_pre_vote(4);
    for id in [1, 2] {
        cluster.on(id, RawNode::campaign).unwrap();
    }
    cluster.deliver(|m| (m.from.0, m.to.0) == (1, 3) || (m.from.0, m.to.0) == (2, 4));
    cluster.settle();
    assert_eq!(cluster.leader(), None, "two votes each");
    cluster.pass(10 * ELECTION);
    assert!(cluster.leader().is_some() && cluster.term(1) > 1);
}

/// §5.4.1: a voter refuses whoever has an older log: the later last term wins, then the longer log.
#[test]
fn a_vote_is_refused_to_a_log_that_is_behind() {
    let cases: [(&[u64], EntryId, bool); 7] = [
        (&[1], EntryId::new(1, 1), true),
        (&[1], EntryId::new(1, 2), true),
        (&[1, 1], EntryId::new(1, 1), false),
        (&[1], EntryId::new(2, 1), true),
        (&[1, 1], EntryId::new(2, 1), true),
        (&[2], EntryId::new(1, 1), false),
        (&[2], EntryId::new(1, 9), false),
    ];
    for (log, last, granted) in cases {
        let mut cluster = Cluster::with_logs(&[log, &[], &[]]);
        cluster.step(envelope(2, 1, 3, vote_request(last)));
        assert_eq!(
            cluster.take_said(),
            [format!("n1@3 → n2 VoteResponse granted={granted}")],
            "{log:?} {last}"
        );
        cluster.step(envelope(2, 1, 4, Message::PreVoteRequest { last, priority: 0 }));
        let said = cluster.take_said();
        assert!(said[0].ends_with(&format!("PreVoteResponse granted={granted}")), "{said:?}");
    }
}

/// Figure 3, Election Safety: at most one leader is elected in a term, also when all stand at once.
#[test]
fn all_stand_at_once_and_at_most_one_leads_a_term() {
    let mut cluster = no_pre_vote(5);
    for _ in 0..20 {
        for id in 1..=5 {
            drop(cluster.on(id, RawNode::campaign));
        }
        cluster.settle();
        let mut terms: Vec<_> =
            cluster.ids().filter(|id| cluster.leads(*id)).map(|id| cluster.term(id)).collect();
        terms.dedup();
        assert_eq!(terms.len(), cluster.ids().filter(|id| cluster.leads(*id)).count());
        cluster.take_said();
    }
    assert!(cluster.network.take(|m| kind(m) == "vote_request").is_empty());
}
