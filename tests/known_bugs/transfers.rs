//! Handing leadership over.

use harness::{Cluster, command, envelope, kind};
use quorate::{
    ChangeStep, ConfChange, ForwardOutcome, Message, NodeId, ProposeError, Proposed, StepError,
    TransferOutcome, Transition,
};

const ELECTION: u32 = 10;

fn hand_over(cluster: &mut Cluster, to: u64) {
    cluster.on(1, |raw| raw.transfer_leader(NodeId(to))).unwrap();
}

fn outcomes(cluster: &mut Cluster) -> Vec<TransferOutcome> {
    cluster.node(1).transfers.drain(..).map(|transfer| transfer.outcome).collect()
}

/// Elsewhere a transfer whose target had lost its vote went on, and clients were refused until it ran out of time.
#[test]
fn g1_target_loses_its_vote() {
    for step in [ChangeStep::AddLearner(NodeId(2)), ChangeStep::Remove(NodeId(2))] {
        let mut cluster = Cluster::of(3);
        cluster.elect(1);
        cluster.lose("timeout_now");
        let change = ConfChange::of([step], Transition::Implicit);
        cluster.on(1, |raw| raw.propose_conf_change(&change)).unwrap();
        hand_over(&mut cluster, 2);
        cluster.settle();
        assert_eq!(outcomes(&mut cluster), [TransferOutcome::NotVoter], "without a tick");
        cluster.propose(1, "a");
        cluster.settle();
        assert_eq!(cluster.applied(3), ["a"]);
    }
}

/// Elsewhere clients went on writing when the target was told to stand, so that its log was behind and it lost.
#[test]
fn g2_clients_go_on_writing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(2);
    let mut taken: Vec<_> = (0..10).map(|number| format!("before {number}")).collect();
    for text in &taken {
        cluster.propose(1, text);
    }
    cluster.settle();
    cluster.heal();
    hand_over(&mut cluster, 2);
    let mut refused = 0;
    // A command comes with every hop of a message, and with every tick.
    for number in 0..60 {
        let text = format!("during {number}");
        match cluster.on(1, |raw| raw.propose(command(&text))) {
            Ok(Proposed::Appended(_)) => taken.push(text),
            Ok(Proposed::Forwarded(_)) => break,
            Err(_) => refused += 1,
        }
        if number % 6 == 0 {
            cluster.tick(1, 1);
        }
        cluster.deliver(|_| true);
    }
    cluster.lose_in_flight();
    cluster.pass(3);
    assert!(cluster.leads(2) && cluster.term(2) == 2, "the first attempt succeeds");
    assert!(taken.len() > 10 && refused > 0, "{} are taken, and {refused} refused", taken.len());
    assert_eq!(cluster.applied(2), taken);
    cluster.assert_agreement();
}

/// Elsewhere a word to stand that was lost left the cluster without a leader.
#[test]
fn g3_word_to_stand_is_lost() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("timeout_now");
    hand_over(&mut cluster, 2);
    cluster.pass(ELECTION);
    assert_eq!(outcomes(&mut cluster), [TransferOutcome::TimedOut]);
    assert!(cluster.leads(1) && cluster.term(1) == 1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.assert_agreement();

    cluster.heal();
    hand_over(&mut cluster, 2);
    cluster.lose_in_flight();
    cluster.pass(1);
    assert!(cluster.leads(2), "it is said again");
    assert_eq!(outcomes(&mut cluster), [TransferOutcome::Done]);
}

/// And a target that died as it stood.
#[test]
fn g3_target_dies_as_it_stands() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    hand_over(&mut cluster, 2);
    cluster.deliver(|m| kind(m) == "timeout_now");
    cluster.deliver(|m| kind(m) == "vote_request");
    cluster.crash(2);
    cluster.isolate(1);
    cluster.pass(2 * ELECTION + 1);
    assert_eq!(outcomes(&mut cluster), [TransferOutcome::TimedOut], "who asked is told");
    cluster.heal();
    cluster.pass(4 * ELECTION);
    assert!(cluster.leader().is_some());
}

/// Elsewhere a node that did not know yet that it had a vote, or voters that did not know of it, panicked.
#[test]
fn g4_target_was_promoted_just_now() {
    let mut cluster = Cluster::with_learners(3, 1);
    cluster.elect(1);
    cluster.lose("commit_notice");
    let promote = ConfChange::single(ChangeStep::AddVoter(NodeId(4)));
    cluster.on(1, |raw| raw.propose_conf_change(&promote)).unwrap();
    cluster.settle();
    let knows = |cluster: &Cluster, id| cluster.status(id).membership.voters.contains(NodeId(4));
    assert_eq!([1, 2, 3, 4].map(|id| knows(&cluster, id)), [true, false, false, false]);
    hand_over(&mut cluster, 4);
    cluster.settle();
    assert!(cluster.leads(1), "n4 would not stand");

    // n4 learns of its vote with the next heartbeat, and n2 and n3 vote for it, unaware.
    cluster.tick(1, 1);
    cluster.deliver(|m| m.to == NodeId(4));
    cluster.network.take(|m| m.from == NodeId(1));
    cluster.deliver(|m| kind(m) == "heartbeat_response");
    cluster.deliver(|m| kind(m) == "timeout_now");
    assert_eq!([2, 3, 4].map(|id| knows(&cluster, id)), [false, false, true]);
    cluster.step(envelope(9, 4, 2, Message::VoteResponse { granted: true, committed: None }));
    assert!(matches!(cluster.refused.pop(), Some(StepError::UnknownPeer { from: NodeId(9) })));
    cluster.settle();
    assert!(cluster.leads(4));
    cluster.pass(2);
    cluster.assert_agreement();
}

/// Elsewhere a word to stand that came when the transfer was long given up cost more than an election.
#[test]
fn g5_word_to_stand_comes_late() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    hand_over(&mut cluster, 2);
    let late = cluster.network.take(|m| kind(m) == "timeout_now").pop().unwrap();
    cluster.lose("timeout_now");
    cluster.pass(ELECTION);
    assert_eq!(outcomes(&mut cluster), [TransferOutcome::TimedOut]);
    cluster.heal();
    cluster.network.cut(NodeId(1), NodeId(2));
    cluster.propose(1, "n2 lacks this");
    cluster.settle();
    cluster.heal();
    cluster.step(late.clone());
    cluster.settle();
    assert!(!cluster.leads(2), "who has it refuses n2");
    cluster.pass(6 * ELECTION);
    let (leader, term) = (cluster.leader(), cluster.term(3));
    assert!(leader.is_some());
    assert_eq!(cluster.applied(2), ["n2 lacks this"]);
    // Once more, in another term: it means nothing there.
    cluster.step(late);
    cluster.settle();
    assert_eq!((cluster.leader(), cluster.term(3)), (leader, term));
}

/// Elsewhere commands that came while leadership was handed over were dropped, and nobody was told.
#[test]
fn g6_who_is_not_served_is_told() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("timeout_now");
    hand_over(&mut cluster, 2);
    let refused = cluster.on(1, |raw| raw.propose(command("here")));
    assert_eq!(refused, Err(ProposeError::TransferringLeadership { to: NodeId(2) }));
    cluster.propose(3, "passed on");
    cluster.settle();
    let forwards: Vec<_> = cluster.node(3).forwards.drain(..).map(|forward| forward.outcome).collect();
    assert_eq!(forwards, [ForwardOutcome::Refused], "without a tick");
    cluster.pass(ELECTION);
    cluster.propose(1, "here, later");
    cluster.propose(3, "passed on, later");
    cluster.settle();
    assert_eq!(cluster.applied(1), ["here, later", "passed on, later"]);
}

/// Elsewhere a note that the leader had asked for a campaign could be seen by another campaign.
#[test]
fn g7_word_to_stand_is_for_one_campaign() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    hand_over(&mut cluster, 2);
    cluster.deliver(|m| kind(m) == "timeout_now");
    let said = cluster.take_said();
    assert!(
        said.iter()
            .all(|line| line.ends_with("VoteRequest last=1@1 priority=highest committed=1@1 transfer")),
        "{said:?}"
    );
    cluster.tick(2, 2 * ELECTION);
    let said = cluster.take_said();
    assert!(
        !said.is_empty() && said.iter().all(|line| line.ends_with("PreVoteRequest last=1@1 committed=1@1")),
        "{said:?}"
    );
}
