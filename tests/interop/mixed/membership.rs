//! Changes of membership: proposed by either kind, and put in force alike by both.

use interop::{Cluster, Kind, Members};
use quorate::{ChangeStep, ConfChange, NodeId, Transition};

use ChangeStep::{AddLearner, AddVoter, Remove};

fn id(node: u64) -> NodeId {
    NodeId(node)
}

/// Leader of either kind, and followers of both; n4 and n5 are no members yet.
fn each_cluster() -> impl Iterator<Item = Cluster> {
    let mixtures = ["ototo", "ottot", "oooto", "ootot", "totot", "toooo", "totto", "tttot"];
    mixtures.into_iter().map(|mixture| {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        cluster.propose(1, "a");
        cluster
    })
}

fn assert_members(cluster: &Cluster, among: &[u64], voters: &[u64], learners: &[u64]) {
    let expected = Members { voters: voters.to_vec(), learners: learners.to_vec(), ..Members::default() };
    for node in among {
        assert_eq!(cluster.view(*node).members, expected, "on n{node}");
    }
    cluster.assert_agreement(among.iter().copied());
}

/// One step at a time: a learner comes, is promoted, another voter is demoted, and one is removed.
#[test]
fn simple_changes() {
    for mut cluster in each_cluster() {
        cluster.change(1, &ConfChange::single(AddLearner(id(4))));
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 3, 4], &[1, 2, 3], &[4]);
        cluster.change(1, &ConfChange::single(AddVoter(id(4))));
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 3, 4], &[1, 2, 3, 4], &[]);
        cluster.change(1, &ConfChange::single(AddLearner(id(2))));
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 3, 4], &[1, 3, 4], &[2]);
        cluster.change(1, &ConfChange::single(Remove(id(3))));
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 4], &[1, 4], &[2]);
        cluster.propose(1, "b");
        cluster.pass(3);
        cluster.assert_agreement([1, 2, 4]);
    }
}

/// Several steps at once go through a joint configuration, which the leader leaves by itself.
#[test]
fn joint_changes_left_by_the_leader() {
    let steps = [AddVoter(id(4)), AddVoter(id(5)), Remove(id(2)), AddLearner(id(3))];
    for transition in [Transition::Auto, Transition::Implicit] {
        for mut cluster in each_cluster() {
            cluster.change(1, &ConfChange::of(steps, transition));
            cluster.pass(5);
            assert_members(&cluster, &[1, 3, 4, 5], &[1, 4, 5], &[3]);
            let joint = cluster.applied().history.iter().filter(|line| line.contains(" change ")).count();
            assert_eq!(joint, 2, "into the joint configuration, and out of it");
        }
    }
}

/// With one step too, if that is asked for; and an explicit one ends only when it is told to.
#[test]
fn joint_changes_left_on_request() {
    for mut cluster in each_cluster() {
        cluster.change(1, &ConfChange::of([AddVoter(id(4)), AddLearner(id(2))], Transition::Explicit));
        cluster.pass(20);
        let joint = cluster.view(1).members;
        assert_eq!((&joint.voters[..], &joint.outgoing[..]), (&[1, 3, 4][..], &[1, 2, 3][..]));
        assert_eq!((&joint.learners_next[..], joint.auto_leave), (&[2][..], false));
        cluster.assert_agreement([1, 2, 3, 4]);
        cluster.change(1, &ConfChange::leave_joint());
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 3, 4], &[1, 3, 4], &[2]);
    }
}

/// A leader of one kind dies within the joint configuration, and one of the other leaves it.
#[test]
fn joint_left_by_a_leader_of_the_other_kind() {
    for mixture in ["otto", "toot"] {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        // Without n2, n3 and n4 the incoming voters have no quorum to leave it.
        let change = ConfChange::of([AddVoter(id(4)), Remove(id(3))], Transition::Implicit);
        cluster.isolate(4);
        cluster.on(1, |node| node.change(&change));
        for _ in 0..200 {
            let Some(packet) = cluster.network.in_flight.pop_front() else { break };
            cluster.deliver(&packet);
            if cluster.view(2).members.auto_leave {
                break;
            }
        }
        assert!(cluster.view(2).members.auto_leave, "n2 knows the joint configuration");
        cluster.network.in_flight.clear();
        cluster.crash(1);
        cluster.network.heal();
        cluster.pass(60);
        let leader = cluster.leader().expect("n2, n3 and n4 are quorums of both");
        assert_ne!(cluster.kind(leader), cluster.kind(1));
        cluster.restart(1);
        cluster.pass(10);
        assert_members(&cluster, &[1, 2, 4], &[1, 2, 4], &[]);
    }
}

/// What a change carries for the application arrives on both kinds, whoever proposes it.
#[test]
fn change_carries_its_context() {
    for mut cluster in each_cluster() {
        let context = "10.0.0.4:7000".into();
        cluster.change(1, &ConfChange { context, ..ConfChange::single(AddLearner(id(4))) });
        cluster.change(1, &ConfChange { context: "x".into(), ..ConfChange::single(Remove(id(4))) });
        cluster.pass(3);
        let history = cluster.machine(2).history;
        let ends_with = |end: &str| history.iter().any(|line| line.ends_with(end));
        assert!(ends_with("change Auto ~4 10.0.0.4:7000") && ends_with("change Auto -4 x"), "{history:?}");
        cluster.assert_agreement([1, 2, 3]);
    }
}

/// A follower of theirs passes a change on, in either form, and a leader of ours takes it.
#[test]
fn change_forwarded_by_theirs() {
    let mut cluster = Cluster::with_spares("oottt", &[1, 2, 3]);
    cluster.elect(1);
    cluster.change(3, &ConfChange::single(AddVoter(id(4))));
    cluster.pass(3);
    assert_members(&cluster, &[1, 2, 3, 4], &[1, 2, 3, 4], &[]);
    cluster.change(3, &ConfChange::of([AddLearner(id(5)), Remove(id(2))], Transition::Auto));
    cluster.pass(5);
    assert_members(&cluster, &[1, 3, 4, 5], &[1, 3, 4], &[5]);
}

/// A leader of ours that removes itself steps down, and theirs go on.
#[test]
fn leader_of_ours_removes_itself() {
    for mixture in ["ott", "oto"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.change(1, &ConfChange::single(Remove(id(1))));
        cluster.pass(60);
        let leader = cluster.leader().expect("the others elect one");
        assert_ne!(leader, 1);
        cluster.propose(leader, "a");
        cluster.pass(2);
        assert_members(&cluster, &[2, 3], &[2, 3], &[]);
    }
}

/// A leader of theirs that is removed steps down when its application sees to it, and ours go on.
#[test]
fn leader_of_theirs_is_removed() {
    for mixture in ["too", "tot"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        assert_eq!(cluster.kind(1), Kind::Theirs);
        cluster.change(1, &ConfChange::single(Remove(id(1))));
        cluster.pass(60);
        let leader = cluster.leader().expect("the others elect one");
        cluster.propose(leader, "a");
        cluster.pass(2);
        assert_members(&cluster, &[2, 3], &[2, 3], &[]);
    }
}

/// What makes no sense is committed where a leader of theirs is asked for it, and makes none on either kind.
#[test]
fn change_without_sense_changes_nothing() {
    for mixture in ["too", "tot"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.change(1, &ConfChange::of([1, 2, 3].map(|node| Remove(id(node))), Transition::Auto));
        cluster.pass(3);
        assert_members(&cluster, &[1, 2, 3], &[1, 2, 3], &[]);
        cluster.propose(1, "a");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A step about node 0 is none, on either kind; the others of the same change count. A leader of ours takes none such.
#[test]
fn step_of_node_0_is_skipped() {
    let mut ours = Cluster::of("oot");
    ours.elect(1);
    assert!(!ours.on(1, |node| node.change(&ConfChange::single(Remove(id(0))))));
    ours.on(3, |node| node.change(&ConfChange::single(Remove(id(0)))));
    ours.settle();
    assert_eq!(ours.applied().history.len(), 1, "nothing beside the blank entry");
    for mixture in ["toot", "toto"] {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        cluster.change(1, &ConfChange::single(Remove(id(0))));
        cluster.change(1, &ConfChange::of([Remove(id(0)), AddVoter(id(4))], Transition::Auto));
        cluster.pass(5);
        assert_members(&cluster, &[1, 2, 3, 4], &[1, 2, 3, 4], &[]);
    }
}

/// A leader that has removed itself has the longer log, and only it knows that the removal is committed: whoever
/// asks for its vote is refused, and told so.
#[test]
fn removed_leader_tells_its_successor_what_is_committed() {
    for mixture in ["oo", "ot", "to", "tt"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.pass(1);
        cluster.on(1, |node| node.change(&ConfChange::single(Remove(id(1)))));
        let append = cluster.network.in_flight.pop_front().unwrap();
        cluster.on(1, |node| node.propose("more"));
        cluster.network.in_flight.clear();
        cluster.deliver(&append);
        let accepted = cluster.network.in_flight.pop_back().unwrap();
        cluster.deliver(&accepted);
        cluster.network.in_flight.clear();
        cluster.pass(200);
        assert_eq!(cluster.leader(), Some(2), "{mixture}");
    }
}
