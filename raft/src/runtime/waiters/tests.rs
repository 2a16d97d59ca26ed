//! What becomes of those who wait.

use super::*;
use crate::{
    consensus::{RoleKind, Term},
    runtime::Ticket,
};

const PATIENCE: u64 = 10;

fn waiters() -> Waiters<&'static str> {
    Waiters::new(EntryId::ZERO)
}

fn wait(waiters: &mut Waiters<&'static str>, term: u64, index: u64) -> Ticket<&'static str> {
    let (mut completion, ticket) = Completion::ticket();
    completion.put_in_doubt();
    waiters.wait_for_entry(EntryId::new(term, index), completion, 0);
    ticket
}

fn apply(waiters: &mut Waiters<&'static str>, term: u64, index: u64, response: &'static str) {
    if let Some(completion) = waiters.on_committed(EntryId::new(term, index), None, 0) {
        completion.complete(Outcome::Applied(response));
    }
}

const OVERWRITTEN: Outcome<&str> = Outcome::refused(RefusalReason::Overwritten, None);
const PASSED: Outcome<&str> = Outcome::Unknown(UnknownReason::PassedBySnapshot);

#[test]
fn i4_each_waiter_gets_the_response_to_its_own_entry() {
    let mut waiters = waiters();
    let (mut first, mut second) = (wait(&mut waiters, 1, 2), wait(&mut waiters, 1, 4));
    apply(&mut waiters, 1, 1, "not asked for");
    apply(&mut waiters, 1, 2, "two");
    apply(&mut waiters, 1, 3, "not asked for");
    assert_eq!(first.try_take(), Some(Outcome::Applied("two")));
    assert_eq!(second.try_take(), None);
    apply(&mut waiters, 1, 4, "four");
    assert_eq!(second.try_take(), Some(Outcome::Applied("four")));
}

#[test]
fn i4_another_entry_at_the_same_index_is_not_an_answer() {
    let mut waiters = waiters();
    let mut deposed = wait(&mut waiters, 1, 2);
    // This node leads again, and proposes at the same index before it is decided.
    let mut again = wait(&mut waiters, 3, 2);
    apply(&mut waiters, 1, 1, "not asked for");
    apply(&mut waiters, 3, 2, "of term 3");
    assert_eq!(deposed.try_take(), Some(OVERWRITTEN));
    assert_eq!(again.try_take(), Some(Outcome::Applied("of term 3")));
}

#[test]
fn an_entry_of_a_newer_term_ends_all_older_ones_behind_it() {
    let mut waiters = waiters();
    let mut before = wait(&mut waiters, 1, 1);
    let mut behind = wait(&mut waiters, 1, 9);
    let mut newer = wait(&mut waiters, 2, 3);
    apply(&mut waiters, 1, 1, "one");
    apply(&mut waiters, 2, 2, "blank");
    assert_eq!(before.try_take(), Some(Outcome::Applied("one")));
    assert_eq!(behind.try_take(), Some(OVERWRITTEN));
    assert_eq!(newer.try_take(), None);
    apply(&mut waiters, 2, 3, "three");
    assert_eq!(newer.try_take(), Some(Outcome::Applied("three")));
}

#[test]
fn a_snapshot_tells_only_of_what_cannot_be_in_it() {
    let mut waiters = waiters();
    let mut inside = wait(&mut waiters, 1, 2);
    let mut at_the_end = wait(&mut waiters, 2, 5);
    let mut too_new_for_its_place = wait(&mut waiters, 3, 4);
    let mut too_old_for_its_place = wait(&mut waiters, 1, 7);
    let mut later = wait(&mut waiters, 2, 6);
    waiters.on_restored(EntryId::new(2, 5), None, 0);
    assert_eq!(inside.try_take(), Some(PASSED));
    assert_eq!(at_the_end.try_take(), Some(PASSED));
    assert_eq!(too_new_for_its_place.try_take(), Some(OVERWRITTEN));
    assert_eq!(too_old_for_its_place.try_take(), Some(OVERWRITTEN));
    assert_eq!(later.try_take(), None);
}

#[test]
fn who_comes_too_late_is_told_at_once() {
    let mut waiters = waiters();
    apply(&mut waiters, 2, 5, "five");
    assert_eq!(wait(&mut waiters, 2, 5).try_take(), Some(PASSED));
    assert_eq!(wait(&mut waiters, 2, 4).try_take(), Some(PASSED));
    assert_eq!(wait(&mut waiters, 1, 5).try_take(), Some(OVERWRITTEN));
    assert_eq!(waiters.len(), 0);
}

#[test]
fn a_lost_leader_is_waited_for_so_long_and_no_longer() {
    let mut waiters = waiters();
    let mut ticket = wait(&mut waiters, 1, 2);
    let nobody = Leadership { term: Term(1), role: RoleKind::Follower, leader: None };
    waiters.on_leadership(nobody, 5);
    // Elections that go on and on do not put the end off.
    waiters.on_leadership(Leadership { term: Term(2), ..nobody }, 12);
    waiters.on_tick(15, PATIENCE);
    assert_eq!(ticket.try_take(), None);
    waiters.on_tick(16, PATIENCE);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Undecided)));
}

#[test]
fn a_leader_that_makes_progress_is_waited_for_and_a_stuck_one_is_not() {
    let mut waiters = waiters();
    let mut ticket = wait(&mut waiters, 1, 3);
    let own = Leadership { term: Term(1), role: RoleKind::Leader, leader: Some(NodeId(1)) };
    waiters.on_leadership(own, 1);
    assert!(waiters.on_committed(EntryId::new(1, 1), None, 8).is_none());
    waiters.on_tick(18, PATIENCE);
    assert_eq!(ticket.try_take(), None);
    waiters.on_tick(19, PATIENCE);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Undecided)));
}

#[test]
fn what_became_of_a_forward_is_told_or_waited_for() {
    let mut waiters = waiters();
    let id = |sequence| ForwardId { origin: NodeId(2), sequence };
    let mut forward = |sequence| {
        let (completion, ticket) = Completion::ticket();
        waiters.wait_for_forward(id(sequence), completion);
        ticket
    };
    let (mut appended, mut refused, mut unknown) = (forward(1), forward(2), forward(3));
    let outcomes = [
        (1, ForwardOutcome::Appended(EntryId::new(1, 2))),
        (2, ForwardOutcome::Refused),
        (3, ForwardOutcome::Unknown),
    ];
    for (sequence, outcome) in outcomes {
        waiters.on_forward(Forward { id: id(sequence), outcome }, None, 0);
    }
    apply(&mut waiters, 1, 2, "two");
    assert_eq!(appended.try_take(), Some(Outcome::Applied("two")));
    assert_eq!(refused.try_take(), Some(Outcome::refused(RefusalReason::RefusedByLeader, None)));
    assert_eq!(unknown.try_take(), Some(Outcome::Unknown(UnknownReason::ForwardUnanswered)));
}

#[test]
fn i3_a_waiter_that_is_forgotten_is_told_that_the_node_stopped() {
    let mut waiters = waiters();
    let mut ticket = wait(&mut waiters, 1, 2);
    waiters.end_all();
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
    let mut ticket = wait(&mut waiters, 1, 3);
    drop(waiters);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
}
