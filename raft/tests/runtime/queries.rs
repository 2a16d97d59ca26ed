//! Answers that know everything that was known before the question.

use quorate::Outcome;

use crate::cluster::{Cluster, eventually, options, outcome};

fn lines(cluster: &Cluster, id: quorate::NodeId) -> Vec<String> {
    eventually("a query is answered", || outcome(cluster.handle(id).query(())).applied())
}

#[test]
fn every_node_answers_with_what_was_applied_anywhere_before() {
    let cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    for count in 1..=50 {
        cluster.apply(leader, "x");
        for id in 1..=3 {
            assert!(lines(&cluster, quorate::NodeId(id)).len() >= count);
        }
    }
}

#[test]
fn after_a_change_of_leaders_nobody_answers_from_the_past() {
    let cluster = Cluster::start(3, options());
    let first = cluster.leader();
    cluster.apply(first, "before");
    cluster.network.isolate(first);
    // Asked of a leader that does not know yet that it is none.
    let asked_of_the_past = cluster.handle(first).query(());
    let second = cluster.leader_other_than(Some(first));
    cluster.apply(second, "after");
    let asked_after = cluster.handle(first).query(());
    assert_eq!(lines(&cluster, second), ["before", "after"]);
    cluster.network.heal_all();
    for query in [asked_of_the_past, asked_after] {
        match outcome(query) {
            Outcome::Applied(lines) => assert_eq!(lines, ["before", "after"]),
            Outcome::NotAccepted(_) => {}
            Outcome::Unknown(reason) => panic!("a query changes nothing, and yet: {reason}"),
        }
    }
    assert_eq!(lines(&cluster, first), ["before", "after"]);
}

#[test]
fn a_query_waits_for_an_election() {
    let cluster = Cluster::start(3, options());
    // Right after the start nobody leads.
    let query = cluster.handle(quorate::NodeId(2)).query(());
    assert_eq!(outcome(query), Outcome::Applied(vec![]));
}
