//! Every message survives its way over the wire; nothing that arrives can do harm.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{WireError, decode, encode};
use crate::consensus::{
    ChangeStep, ConfChange, Context, Echo, Entries, Entry, EntryId, EntryKind, Envelope, LogIndex,
    Membership, Message, NodeId, Proposal, Snapshot, Term, Transition, quorum::Majority,
};

fn over_the_wire(envelope: &Envelope) -> Result<Envelope, WireError> {
    let mut buffer = BytesMut::new();
    encode(envelope, &mut buffer).unwrap();
    decode(buffer.freeze())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from)
}

fn entry_id() -> impl Strategy<Value = EntryId> {
    (any::<u64>(), any::<u64>()).prop_map(|(term, index)| EntryId::new(term, index))
}

fn index() -> impl Strategy<Value = LogIndex> {
    any::<u64>().prop_map(LogIndex)
}

fn change() -> impl Strategy<Value = ConfChange> {
    let transition = prop::sample::select(vec![Transition::Auto, Transition::Implicit, Transition::Explicit]);
    let step = (0..3, 1..u64::MAX).prop_map(|(kind, node)| match kind {
        0 => ChangeStep::AddVoter(NodeId(node)),
        1 => ChangeStep::AddLearner(NodeId(node)),
        _ => ChangeStep::Remove(NodeId(node)),
    });
    (transition, prop::collection::vec(step, 0..4), bytes())
        .prop_map(|(transition, steps, context)| ConfChange { transition, steps, context })
}

fn proposal() -> impl Strategy<Value = Proposal> {
    let content = prop_oneof![
        bytes().prop_map(|data| (EntryKind::Normal, data)),
        change().prop_map(|change| (EntryKind::ConfChange, change.to_data())),
    ];
    (content, prop::collection::vec(any::<u8>(), 2..20)).prop_map(|((kind, data), context)| Proposal {
        kind,
        context: Context::new(Bytes::from(context)),
        data,
    })
}

fn entries() -> impl Strategy<Value = Entries> {
    let contents = prop::collection::vec(prop::option::of(proposal()), 0..5);
    (1..u64::from(u32::MAX), contents).prop_map(|(first, contents)| {
        let with_ids = contents.into_iter().zip(first..).map(|(content, index)| {
            let id = EntryId::new(7, index);
            content.map_or(Entry::blank(id), |proposal| proposal.into_entry(id))
        });
        Entries::try_from(with_ids.collect::<Vec<_>>()).unwrap()
    })
}

fn nodes(most: usize) -> impl Strategy<Value = Vec<NodeId>> {
    let ids = prop::collection::btree_set(1..9_u64, 0..most);
    ids.prop_map(|ids| ids.into_iter().map(NodeId).collect())
}

/// Also a joint one, and one that makes no sense: it is carried as it is.
fn membership() -> impl Strategy<Value = Membership> {
    let voters = prop::collection::vec(1..9_u64, 1..5);
    (voters, nodes(5), nodes(3), nodes(3), any::<bool>()).prop_map(
        |(voters, outgoing, learners, learners_next, auto_leave)| {
            let mut membership = Membership::of_voters(voters.into_iter().map(NodeId));
            membership.voters.outgoing = Majority::new(outgoing);
            Membership { learners, learners_next, auto_leave, ..membership }
        },
    )
}

fn snapshot() -> impl Strategy<Value = Box<Snapshot>> {
    (entry_id(), membership(), bytes()).prop_map(|(last, membership, data)| {
        let last = EntryId { index: last.index.next(), ..last };
        Box::new(Snapshot { last, membership, data: data.into() })
    })
}

fn committed() -> impl Strategy<Value = Option<EntryId>> {
    prop::option::of(entry_id()).prop_map(|id| id.filter(|id| id.index > LogIndex::ZERO))
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (entry_id(), any::<i64>(), committed())
            .prop_map(|(last, priority, committed)| Message::PreVoteRequest { last, priority, committed }),
        (any::<bool>(), committed())
            .prop_map(|(granted, committed)| Message::PreVoteResponse { granted, committed }),
        (entry_id(), any::<i64>(), committed(), any::<bool>()).prop_map(
            |(last, priority, committed, transfer)| Message::VoteRequest {
                last,
                priority,
                committed,
                transfer
            }
        ),
        (any::<bool>(), committed())
            .prop_map(|(granted, committed)| Message::VoteResponse { granted, committed }),
        (entry_id(), entries(), index()).prop_map(|(previous, entries, commit)| Message::AppendRequest {
            previous,
            entries,
            commit
        }),
        index().prop_map(|matched| Message::AppendAccepted { matched }),
        (index(), entry_id()).prop_map(|(rejected, hint)| Message::AppendRejected { rejected, hint }),
        snapshot().prop_map(|snapshot| Message::SnapshotRequest { snapshot }),
        (index(), bytes()).prop_map(|(commit, echo)| Message::Heartbeat { commit, echo: Echo(echo) }),
        bytes().prop_map(|echo| Message::HeartbeatResponse { echo: Echo(echo) }),
        index().prop_map(|commit| Message::CommitNotice { commit }),
        prop::collection::vec(proposal(), 0..4).prop_map(|proposals| Message::Propose { proposals }),
        prop::collection::vec(any::<u64>(), 0..4).prop_map(|sequences| Message::ProposeRefused { sequences }),
        Just(Message::TransferRequest),
        Just(Message::TimeoutNow),
        bytes().prop_map(|token| Message::ReadIndex { token }),
        (bytes(), index()).prop_map(|(token, index)| Message::ReadIndexResponse { token, index }),
    ]
}

proptest! {
    #[test]
    fn a_message_comes_out_as_it_went_in(
        from in 1..u64::MAX,
        to in 1..u64::MAX,
        term in any::<u64>(),
        message in message(),
    ) {
        let envelope = Envelope { from: NodeId(from), to: NodeId(to), term: Term(term), message };
        prop_assert_eq!(over_the_wire(&envelope), Ok(envelope));
    }

    #[test]
    fn arbitrary_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(Bytes::from(bytes));
    }

    #[test]
    fn a_damaged_message_is_a_message_or_an_error(message in message(), at in any::<usize>(), flip in 1_u8..) {
        let envelope = Envelope { from: NodeId(1), to: NodeId(2), term: Term(3), message };
        let mut buffer = BytesMut::new();
        encode(&envelope, &mut buffer).unwrap();
        let at = at % buffer.len();
        buffer[at] ^= flip;
        let _ = decode(buffer.freeze());
    }
}

fn sent(message: Message) -> Envelope {
    Envelope { from: NodeId(1), to: NodeId(2), term: Term(3), message }
}

#[test]
fn a_command_of_no_bytes_is_not_taken_for_a_blank_entry() {
    let entries = vec![Entry::blank(EntryId::new(3, 1)), Entry::command(EntryId::new(3, 2), Bytes::new())];
    let entries = Entries::try_from(entries).unwrap();
    let append = Message::AppendRequest { previous: EntryId::ZERO, entries, commit: LogIndex(0) };
    assert_eq!(over_the_wire(&sent(append.clone())).unwrap().message, append);
}

/// The bytes that raft-rs writes for the same message: field numbers and types are part of the contract.
#[test]
fn the_bytes_are_those_of_eraftpb() {
    let entries = Entries::try_from(vec![Entry::command(EntryId::new(3, 8), "x")]).unwrap();
    let append = Message::AppendRequest { previous: EntryId::new(2, 7), entries, commit: LogIndex(6) };
    let mut buffer = BytesMut::new();
    encode(&sent(append), &mut buffer).unwrap();
    let expected = [
        0x08, 3, // msg_type = MsgAppend
        0x10, 2, // to
        0x18, 1, // from
        0x20, 3, // term
        0x28, 2, // log_term
        0x30, 7, // index
        0x3a, 7, 0x10, 3, 0x18, 8, 0x22, 1, b'x', // entries: term, index, data
        0x40, 6, // commit
    ];
    assert_eq!(&buffer[..], expected);
}

#[test]
fn what_no_node_sends_is_refused_with_the_reason() {
    let refused = |bytes: &'static [u8]| decode(Bytes::from_static(bytes)).unwrap_err();
    assert_eq!(refused(&[]), WireError::Nobody);
    assert_eq!(refused(&[0x10, 2, 0x18, 1]), WireError::UnknownType(0));
    assert_eq!(refused(&[0x08, 12, 0x10, 2, 0x18, 1]), WireError::UnknownType(12));
    assert!(matches!(refused(&[0x08, 7, 0x10, 2, 0x18, 1]), WireError::Missing { field: "a snapshot", .. }));
    assert!(matches!(refused(&[0x08, 15, 0x10, 2, 0x18, 1]), WireError::Missing { .. }));
    let half_a_number = refused(&[0x08, 2, 0x10, 2, 0x18, 1, 0x50, 1, 0x62, 1, 7]);
    assert!(matches!(half_a_number, WireError::Missing { message: "propose_refused", .. }));
    let voters = [0x0a, 1, 0];
    let snapshot = [&[0x12, 7, 0x0a, 3][..], &voters, &[0x10, 5]].concat();
    let of_nobody = [&[0x08, 7, 0x10, 2, 0x18, 1, 0x4a, 9][..], &snapshot].concat();
    assert_eq!(decode(Bytes::from(of_nobody)), Err(WireError::Nobody));
    assert!(matches!(refused(&[0xff]), WireError::Malformed(_)));
}

#[test]
fn data_of_a_snapshot_may_travel_by_itself() {
    let membership = Membership::of_voters([NodeId(1)]);
    let snapshot = Snapshot { last: EntryId::new(2, 5), membership, data: vec![1, 2, 3].into() };
    let with_data = sent(Message::SnapshotRequest { snapshot: Box::new(snapshot.clone()) });
    let empty = Snapshot { data: Bytes::new().into(), ..snapshot };
    let mut buffer = BytesMut::new();
    super::encode_without_data(&with_data, &mut buffer);
    assert_eq!(decode(buffer.freeze()), Ok(sent(Message::SnapshotRequest { snapshot: Box::new(empty) })));
    assert_eq!(over_the_wire(&with_data), Ok(with_data));
}
