//! What the fuzzer has found, told in words.

use bytes::Bytes;
use harness::{Cluster, envelope};
use quorate::{
    EntryId, Membership, Message, NodeId, RawNode, Snapshot, StepError,
    quorum::{Joint, Majority},
};

/// Whoever installed it proposed, when it led, to leave the joint configuration over and over: nobody was left to go
/// on with.
#[test]
fn a_snapshot_without_voters_is_refused() {
    let outgoing = Majority::new(vec![NodeId(1)]);
    let membership = Membership {
        voters: Joint { incoming: Majority::default(), outgoing },
        auto_leave: true,
        ..Membership::default()
    };
    let last = EntryId::new(1, 5);
    let snapshot = Box::new(Snapshot { last, membership, data: Bytes::from_static(&[0; 8]).into() });
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(2, 1, 1, Message::SnapshotRequest { snapshot }));
    cluster.process(1);
    drop(cluster.on(1, RawNode::campaign));
    assert!(matches!(cluster.refused[..], [StepError::SnapshotWithoutVoters { from: NodeId(2), .. }]));
}
