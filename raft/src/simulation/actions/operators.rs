//! Whoever changes the membership and hands leadership over, until it is done.
//!
//! What is wanted waits in a line. The first wish is given to whoever leads, and given again whenever it was refused, or
//! nothing was heard of it, or another leads, until the leader's membership is what is wanted. Only then comes the next.
//! A node that has lost its disk comes before all that was not begun.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    super::{
        counts::Count,
        plan::Whom,
        random::Random,
        trace::What,
        workload::Workload,
        world::{Order, World},
    },
    Done, OPERATORS,
    wish::{Goal, Wish},
};
use crate::{
    consensus::{ChangeError, ConfChange, ConfChangeError, Membership, NodeId, Term, TransferError},
    runtime::{Completion, MembershipError, MembershipGoal, Outcome, RefusalReason},
};

/// How often operators look at the cluster while they want something.
const TURN: Duration = Duration::from_millis(100);
/// How long they wait for an outcome before they ask again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long they try to hand leadership over.
const TRANSFER: Duration = Duration::from_secs(3);
/// How long a node that was removed may run on.
const AFTERLIFE: Duration = Duration::from_secs(3);

/// What operators want, and how far they have come.
#[derive(Default)]
pub(super) struct Operators {
    pub(super) wishes: VecDeque<Wish>,
    /// The first wish was given to a leader: it may come into force at any time.
    pub(super) is_begun: bool,
    change: Errand,
    /// Who is to lead, and until when that is tried.
    transfer: Option<(NodeId, Duration)>,
    transfer_order: Errand,
    /// Nodes that were removed, and when they are shut down.
    pub(super) retiring: Vec<(Duration, usize)>,
    /// The term of the latest leader that was listened to: an earlier one knows less.
    term: Term,
    is_awake: bool,
    orders: u64,
    told: Arc<Mutex<Vec<(u64, End)>>>,
}

/// The order that was given last, and until when its outcome is waited for.
#[derive(Default)]
struct Errand {
    order: u64,
    until: Option<Duration>,
}

/// How an order ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is done.
    Done,
    /// It is not, or nobody knows: look, and ask again.
    Again,
    /// It makes no sense.
    Never,
}

impl Operators {
    /// Whether a change of the membership is under way, or may be.
    pub(super) fn are_busy(&self) -> bool {
        !self.wishes.is_empty()
    }

    fn want_nothing(&self) -> bool {
        self.wishes.is_empty() && self.transfer.is_none() && self.retiring.is_empty()
    }

    /// A completion that tells how an order ended.
    fn completion<T: Send + 'static>(&mut self) -> Completion<T> {
        self.orders += 1;
        let (order, told) = (self.orders, Arc::clone(&self.told));
        Completion::callback(move |outcome| told.lock().push((order, end_of(&outcome))))
    }
}

impl Errand {
    fn is_under_way(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now < until)
    }
}

fn end_of<T>(outcome: &Outcome<T>) -> End {
    match outcome {
        Outcome::Applied(_) => End::Done,
        Outcome::NotAccepted(refusal) if makes_no_sense(refusal.reason) => End::Never,
        Outcome::NotAccepted(_) | Outcome::Unknown(_) => End::Again,
    }
}

/// Whether it would be refused again, as long as the membership is what it is.
const fn makes_no_sense(reason: RefusalReason) -> bool {
    matches!(
        reason,
        RefusalReason::ConfChange(ConfChangeError::Change(
            ChangeError::NoVoters | ChangeError::ZeroId | ChangeError::NotFounded
        )) | RefusalReason::Membership(MembershipError::NotMember { .. })
            | RefusalReason::Transfer(TransferError::NotVoter { .. })
    )
}

impl<W: Workload> World<W> {
    /// Operators look at the cluster before long, and go on doing so while they want something.
    pub(super) fn wake_operators(&mut self) {
        if !std::mem::replace(&mut self.actions.operators.is_awake, true) {
            self.plan_step(OPERATORS, 0, TURN);
        }
    }

    /// Operators look at the cluster, and do what is to be done.
    pub(super) fn operators_turn(&mut self) {
        self.actions.operators.is_awake = false;
        self.hear_operators();
        self.find_lost();
        self.retire_those_due();
        if let Some(at) = self.leader()
            && let Some(process) = &self.nodes[at].process
        {
            let status = process.driver.raw().status();
            let operators = &mut self.actions.operators;
            if status.hard_state.term >= operators.term {
                operators.term = status.hard_state.term;
                self.administer(at, &status.membership);
            }
        }
        if !self.actions.operators.want_nothing() || self.lost().is_some() || self.actions.damaged.is_some() {
            self.wake_operators();
        }
    }

    fn hear_operators(&mut self) {
        let told = std::mem::take(&mut *self.actions.operators.told.lock());
        for (order, end) in told {
            let operators = &mut self.actions.operators;
            if order == operators.change.order {
                operators.change.until = None;
                if end == End::Never {
                    self.drop_wish("it makes no sense now");
                }
            } else if order == operators.transfer_order.order {
                operators.transfer_order.until = None;
                if end != End::Again {
                    operators.transfer = None;
                }
            }
        }
    }

    pub(super) fn drop_wish(&mut self, why: &str) {
        let operators = &mut self.actions.operators;
        operators.is_begun = false;
        if let Some(wish) = operators.wishes.pop_front() {
            self.note(None, What::Action(format!("{:?} is given up: {why}", wish.goal)));
        }
    }

    /// What the leader is asked for, and what its membership says is done.
    fn administer(&mut self, at: usize, membership: &Membership) {
        self.pursue_transfer(at);
        if self.actions.operators.change.is_under_way(self.now) {
            return;
        }
        if membership.voters.is_joint() {
            if !membership.auto_leave {
                self.order_change(at, ConfChange::leave_joint());
            }
            return;
        }
        if !self.actions.operators.is_begun {
            if self.actions.damaged.is_some() {
                // It will have to be replaced, and nothing may come before that.
                return;
            }
            self.put_lost_first(membership);
            self.check_newcomers();
        }
        let Some(wish) = self.actions.operators.wishes.front().cloned() else { return };
        if wish.goal.is_reached(membership) {
            self.finish_wish(wish);
            return;
        }
        self.actions.operators.is_begun = true;
        if let Some(change) = wish.goal.change() {
            self.order_change(at, change);
        } else if let Goal::Operation(goal) = wish.goal {
            let completion = self.begin_errand();
            self.give_order(at, Order::Operate(goal, completion));
        }
    }

    fn order_change(&mut self, at: usize, change: ConfChange) {
        let completion = self.begin_errand();
        self.give_order(at, Order::ChangeMembership(change, completion));
    }

    fn begin_errand(&mut self) -> Completion<Membership> {
        let operators = &mut self.actions.operators;
        let completion = operators.completion();
        operators.change = Errand { order: operators.orders, until: Some(self.now + PATIENCE) };
        completion
    }

    pub(super) fn wish_transfer(&mut self, number: usize, to: Whom) -> Done {
        let to = self.nodes[self.find(number, to)?].id;
        self.actions.operators.transfer = Some((to, self.now + TRANSFER));
        self.actions.operators.transfer_order.until = None;
        self.wake_operators();
        Ok(())
    }

    fn pursue_transfer(&mut self, at: usize) {
        let Some((to, until)) = self.actions.operators.transfer else { return };
        let operators = &mut self.actions.operators;
        if self.now >= until || self.nodes[at].id == to {
            operators.transfer = None;
        } else if !operators.transfer_order.is_under_way(self.now) {
            let completion = operators.completion();
            operators.transfer_order = Errand { order: operators.orders, until: Some(until) };
            self.give_order(at, Order::Transfer(to, completion));
        }
    }

    fn finish_wish(&mut self, wish: Wish) {
        self.note(None, What::Action(format!("{:?} is done", wish.goal)));
        if let Goal::Operation(MembershipGoal::Replace { .. }) = wish.goal {
            self.counts.count(Count::NodesReplaced);
        }
        for gone in wish.gone {
            let Some(at) = self.position(gone) else { continue };
            // It may not know that it was removed, and stand for election again and again.
            let mut chance = Random::new(self.plan.seed ^ gone.0, "operators");
            let afterlife = chance.duration(Duration::ZERO, AFTERLIFE);
            self.actions.operators.retiring.push((self.now + afterlife, at));
        }
        let operators = &mut self.actions.operators;
        operators.is_begun = false;
        operators.wishes.pop_front();
        self.retire_those_due();
    }

    /// What was not begun is not done any more; what was removed is shut down at once.
    pub(super) fn forget_wishes(&mut self) {
        let now = self.now;
        let operators = &mut self.actions.operators;
        operators.wishes.truncate(usize::from(operators.is_begun));
        operators.transfer = None;
        operators.retiring.iter_mut().for_each(|(until, _)| *until = now);
        self.wake_operators();
    }

    /// What operators still have to do.
    pub(super) fn unfinished_wish(&self) -> Option<String> {
        if let Some(at) = self.lost().or(self.actions.damaged) {
            return Some(format!("{} was not replaced", self.nodes[at].id));
        }
        let wish = self.actions.operators.wishes.front();
        wish.map(|wish| format!("an operator waits for {:?}", wish.goal))
    }
}
