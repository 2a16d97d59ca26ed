//! Everything that can be done to a node, with fields that are plausible, and fields that are not.

use bytes::Bytes;
use harness::{envelope, run_after};
use proptest::prelude::*;
use quorate::{
    ChangeStep, ConfChange, Context, Echo, Entries, EntryId, EntryKind, Envelope, ForwardId, LogIndex,
    Membership, Message, NodeId, Proposal, RawNode, Snapshot, Transition,
};

#[derive(Clone, Debug)]
pub(crate) enum Call {
    Step(Box<Envelope>),
    /// The same in the node's own term, or it would nearly always be late.
    StepInTerm(Box<Envelope>),
    /// n2 and n3 vote for it.
    Elect,
    Ticks(u32),
    Propose(usize),
    Read,
    Campaign,
    Unreachable(u64),
    SnapshotReport(u64, bool),
    Written(u64),
    Applied(u64),
    ProposeChange(ConfChange),
    ApplyChange(ConfChange),
    Transfer(u64),
    StepDown,
    ForgetLeader,
    // What the driver does.
    Ready,
    Write,
    Apply,
    Compact,
    Restart,
}

impl Call {
    /// Makes a call that concerns only the core.
    pub(crate) fn make(self, raw: &mut RawNode) {
        match self {
            Self::Step(envelope) => drop(raw.step(*envelope)),
            Self::StepInTerm(mut envelope) => {
                envelope.term = raw.status().hard_state.term;
                drop(raw.step(*envelope));
            }
            Self::Elect => elect(raw),
            Self::Ticks(count) => (0..count).for_each(|_| raw.tick()),
            Self::Propose(size) => drop(raw.propose(vec![0; size])),
            Self::Read => drop(raw.read_index()),
            Self::Campaign => drop(raw.campaign()),
            Self::Unreachable(node) => raw.report_unreachable(NodeId(node)),
            Self::SnapshotReport(node, arrived) => raw.report_snapshot(NodeId(node), arrived),
            Self::Written(number) => raw.on_written(number),
            Self::Applied(index) => raw.on_applied(LogIndex(index)),
            Self::ProposeChange(change) => drop(raw.propose_conf_change(&change)),
            Self::ApplyChange(change) => drop(raw.apply_conf_change(&change)),
            Self::Transfer(to) => drop(raw.transfer_leader(NodeId(to))),
            Self::StepDown => raw.step_down(),
            Self::ForgetLeader => raw.forget_leader(),
            Self::Ready | Self::Write | Self::Apply | Self::Compact | Self::Restart => {}
        }
    }
}

fn elect(raw: &mut RawNode) {
    drop(raw.campaign());
    let term = raw.status().hard_state.term.0;
    for from in [2, 3] {
        drop(raw.step(envelope(from, 1, term + 1, Message::PreVoteResponse { granted: true })));
        drop(raw.step(envelope(from, 1, term + 1, Message::VoteResponse { granted: true })));
    }
}

pub(crate) fn calls(most: usize) -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        10 => any_envelope().prop_map(|envelope| Call::Step(Box::new(envelope))),
        20 => any_envelope().prop_map(|envelope| Call::StepInTerm(Box::new(envelope))),
        2 => Just(Call::Elect),
        5 => (1_u32..25).prop_map(Call::Ticks),
        3 => (0_usize..60).prop_map(Call::Propose),
        1 => Just(Call::Read),
        1 => Just(Call::Campaign),
        1 => (0_u64..5).prop_map(Call::Unreachable),
        1 => (0_u64..5, any::<bool>()).prop_map(|(node, arrived)| Call::SnapshotReport(node, arrived)),
        1 => Just(Call::Written(0)),
        1 => (0_u64..3).prop_map(Call::Applied),
        3 => change().prop_map(Call::ProposeChange),
        2 => change().prop_map(Call::ApplyChange),
        1 => (0_u64..5).prop_map(Call::Transfer),
        1 => Just(Call::StepDown),
        1 => Just(Call::ForgetLeader),
        6 => Just(Call::Ready),
        4 => Just(Call::Write),
        4 => Just(Call::Apply),
        1 => Just(Call::Compact),
        1 => Just(Call::Restart),
    ];
    prop::collection::vec(call, 1..most)
}

fn change() -> impl Strategy<Value = ConfChange> {
    let transition = prop::sample::select(vec![Transition::Auto, Transition::Implicit, Transition::Explicit]);
    let step = (0..3, 0_u64..5).prop_map(|(kind, node)| match kind {
        0 => ChangeStep::AddVoter(NodeId(node)),
        1 => ChangeStep::AddLearner(NodeId(node)),
        _ => ChangeStep::Remove(NodeId(node)),
    });
    (transition, prop::collection::vec(step, 0..3))
        .prop_map(|(transition, steps)| ConfChange::of(steps, transition))
}

/// Nearly always small, so that messages fit together by chance; sometimes at the edges.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        30 => 0_u64..9,
        1 => Just(u64::MAX),
        1 => Just(u64::MAX - 1),
        1 => Just(u64::MAX / 2),
        1 => any::<u64>(),
    ]
}

fn id() -> impl Strategy<Value = EntryId> {
    (number(), number()).prop_map(|(term, index)| EntryId::new(term, index))
}

fn entries() -> impl Strategy<Value = (EntryId, Entries)> {
    let terms = prop::collection::vec(0_u64..6, 0..5);
    (0_u64..6, 0_u64..8, terms).prop_map(|(term, before, mut terms)| {
        terms.sort_unstable();
        (EntryId::new(term, before), run_after(before, &terms))
    })
}

fn snapshot() -> impl Strategy<Value = Box<Snapshot>> {
    (id(), 0_u64..5).prop_map(|(last, voters)| {
        let membership = Membership::of_voters((1..=voters).map(NodeId));
        Box::new(Snapshot { last, membership, data: Bytes::copy_from_slice(&[0; 8]) })
    })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let kinds = [EntryKind::Normal, EntryKind::Blank, EntryKind::ConfChange];
    (prop::sample::select(kinds.to_vec()), number(), number(), 0_usize..60).prop_map(
        |(kind, origin, sequence, size)| {
            let context = ForwardId { origin: NodeId(origin), sequence }.to_context();
            Proposal {
                kind,
                context: if size == 7 { Context::NONE } else { context },
                data: vec![0; size].into(),
            }
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    let bytes = prop::collection::vec(0_u8..3, 0..9).prop_map(Bytes::from);
    let index = || number().prop_map(LogIndex);
    let echo = || number().prop_map(|round| Echo(Bytes::copy_from_slice(&round.to_be_bytes())));
    prop_oneof![
        (id(), -1_i64..2).prop_map(|(last, priority)| Message::PreVoteRequest { last, priority }),
        Just(Message::TransferRequest),
        Just(Message::TimeoutNow),
        any::<bool>().prop_map(|granted| Message::PreVoteResponse { granted }),
        (id(), -1_i64..2, any::<bool>()).prop_map(|(last, priority, transfer)| Message::VoteRequest {
            last,
            priority,
            transfer
        }),
        any::<bool>().prop_map(|granted| Message::VoteResponse { granted }),
        (entries(), index()).prop_map(|((previous, entries), commit)| Message::AppendRequest {
            previous,
            entries,
            commit
        }),
        (id(), entries(), index()).prop_map(|(previous, (_, entries), commit)| Message::AppendRequest {
            previous,
            entries,
            commit
        }),
        index().prop_map(|matched| Message::AppendAccepted { matched }),
        (index(), id()).prop_map(|(rejected, hint)| Message::AppendRejected { rejected, hint }),
        snapshot().prop_map(|snapshot| Message::SnapshotRequest { snapshot }),
        (index(), echo()).prop_map(|(commit, echo)| Message::Heartbeat { commit, echo }),
        echo().prop_map(|echo| Message::HeartbeatResponse { echo }),
        index().prop_map(|commit| Message::CommitNotice { commit }),
        prop::collection::vec(proposal(), 0..3).prop_map(|proposals| Message::Propose { proposals }),
        prop::collection::vec(number(), 0..3).prop_map(|sequences| Message::ProposeRefused { sequences }),
        bytes.clone().prop_map(|token| Message::ReadIndex { token }),
        (bytes, index()).prop_map(|(token, index)| Message::ReadIndexResponse { token, index }),
    ]
}

fn any_envelope() -> impl Strategy<Value = Envelope> {
    let to = prop_oneof![20 => Just(1_u64), 1 => 0_u64..4];
    (0_u64..5, to, number(), message())
        .prop_map(|(from, to, term, message)| envelope(from, to, term, message))
}
