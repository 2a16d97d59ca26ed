//! What clients are told of their proposals.

use harness::{Cluster, envelope, kind};
use quorate::{
    ChangeStep, ConfChange, EntryId, ForwardId, ForwardOutcome, Message, NodeId, Proposal, ProposeError,
    Proposed, RawNode, StepError,
};

fn outcomes(cluster: &mut Cluster, id: u64) -> Vec<ForwardOutcome> {
    cluster.node(id).forwards.drain(..).map(|forward| forward.outcome).collect()
}

/// Elsewhere a client was told "no leader" for a write that was committed later.
#[test]
fn i1_proposal_whose_leader_is_gone_is_unknown() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(3, "from n3");
    cluster.deliver(|m| kind(m) == "propose");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.crash(1);
    cluster.lose_in_flight();
    cluster.pass(60);
    assert_eq!(cluster.applied(2), ["from n3"], "n2 had it, and leads");
    // n3 learned of it in time, or else must not have claimed to know.
    assert!(!outcomes(&mut cluster, 3).contains(&ForwardOutcome::Refused));
    let mut cut_off = Cluster::of(3);
    cut_off.elect(1);
    cut_off.isolate(3);
    cut_off.propose(3, "on its way to nowhere");
    cut_off.pass(40);
    assert_eq!(outcomes(&mut cut_off, 3), [ForwardOutcome::Unknown]);
}

/// Elsewhere a refusal at once was followed by the proposal's appearance in the log, or the other way round.
#[test]
fn i1_refusals_are_final_and_said() {
    let mut cluster = Cluster::with_config(3, |config| config.max_uncommitted_bytes = 1);
    assert_eq!(cluster.on(1, |raw| raw.propose("a")), Err(ProposeError::NoLeader));
    cluster.elect(1);
    cluster.isolate(2);
    cluster.node(1).raw().propose("fills the leader").unwrap();
    cluster.propose(3, "refused");
    let twice: Vec<_> = cluster.network.in_flight.iter().cloned().collect();
    cluster.deliver(|m| kind(m) == "propose");
    cluster.settle();
    assert_eq!(outcomes(&mut cluster, 3), [ForwardOutcome::Refused]);
    twice.into_iter().for_each(|message| cluster.step(message));
    cluster.settle();
    assert_eq!(cluster.applied(1), ["fills the leader"]);
}

/// What has not left when the leader is lost is in no log, and whoever waits for it is told at once.
#[test]
fn i1_proposal_that_never_left_is_refused() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.node(3).raw().propose("kept back").unwrap();
    cluster.on(3, RawNode::forget_leader);
    assert_eq!(outcomes(&mut cluster, 3), [ForwardOutcome::Refused]);
}

/// A follower may be told of larger proposals than its leader takes, and a liar may pass on what is not its own.
#[test]
fn i1_proposals_from_peers_keep_the_leaders_limits() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let limit = quorate::Config::new(NodeId(1), 0).max_entry_bytes;
    let passed_on = |origin, size: usize| {
        let context = ForwardId { origin: NodeId(origin), sequence: 1 }.to_context();
        let proposal = Proposal { context, ..Proposal::command(vec![0; size].into()) };
        envelope(3, 1, 1, Message::Propose { proposals: vec![proposal] })
    };
    let last = cluster.node(1).status().last_index;
    cluster.step(passed_on(2, 1));
    cluster.step(passed_on(3, limit));
    assert_eq!(cluster.node(1).status().last_index, last);
    let refused = |m: &quorate::Envelope| matches!(&m.message, Message::ProposeRefused { sequences } if *sequences == [1]);
    assert!(cluster.network.in_flight.iter().any(refused));
}

/// Elsewhere a proposal that a follower passed on was appended twice.
#[test]
fn i2_forwarded_proposal_that_comes_twice() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(3, "once");
    let message = cluster.network.take(|m| kind(m) == "propose").pop().unwrap();
    for _ in 0..3 {
        cluster.step(message.clone());
    }
    cluster.settle();
    assert_eq!(cluster.applied(1), ["once"]);
    assert_eq!(outcomes(&mut cluster, 3), [ForwardOutcome::Appended(EntryId::new(1, 2))]);
}

/// And late, at a leader of another term.
#[test]
fn i2_forwarded_proposal_is_for_one_term() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(3, "for n1 in term 1");
    let message = cluster.network.take(|m| kind(m) == "propose").pop().unwrap();
    cluster.tick(1, 20);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.elect(1);
    cluster.step(message);
    cluster.settle();
    assert_eq!((cluster.term(1), cluster.applied(1).len()), (2, 0));
}

/// Here, until it was read closely: after a restart, every second follower counted from below where its earlier life
/// had, and its leader took all that it passed on for late copies, in silence, for the rest of the term.
#[test]
fn i2_follower_that_starts_again_is_heard() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let mut expected = Vec::new();
    for life in 0..10 {
        let text = format!("life {life}");
        let proposed = cluster.propose(3, &text);
        assert!(matches!(proposed, Proposed::Forwarded(_)));
        let copies: Vec<_> = cluster.network.in_flight.iter().cloned().collect();
        cluster.settle();
        cluster.crash(3);
        cluster.restart(3);
        cluster.pass(2);
        // Late copies of what an earlier life passed on are recognized still.
        copies.into_iter().for_each(|message| cluster.step(message));
        expected.push(text);
    }
    cluster.settle();
    assert_eq!(cluster.applied(1), expected);
}

/// Elsewhere nodes gave messages to themselves to the transport.
#[test]
fn i5_nobody_sends_to_itself() {
    // The harness's network takes no such message, so that the simulation looks out for it too.
    for size in 1..=3 {
        let mut cluster = Cluster::of(size);
        cluster.elect(1);
        for id in 1..=size {
            cluster.propose(id, "a");
            cluster.read(id);
            cluster.settle();
        }
        assert_eq!(cluster.node(1).reads.len(), 1);
        cluster.on(1, |raw| raw.transfer_leader(NodeId(1))).unwrap_err();
        cluster.on(size, |raw| raw.transfer_leader(NodeId(size))).ok();
        cluster.pass(2);
        let leader = cluster.leader().unwrap();
        let change = ConfChange::single(ChangeStep::AddVoter(NodeId(9)));
        cluster.on(leader, |raw| raw.propose_conf_change(&change)).unwrap();
        cluster.pass(2);
        cluster.on(leader, RawNode::step_down);
        cluster.pass(40);
        assert_eq!(cluster.leader().is_some(), size > 1, "n9 does not run");
    }
    // And who is given one says so.
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(1, 1, 1, Message::VoteResponse { granted: true, committed: None }));
    assert!(matches!(cluster.refused.pop(), Some(StepError::Misdirected { .. })));
}
