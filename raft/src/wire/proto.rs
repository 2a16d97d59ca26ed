//! The structs of the wire format, field for field. Nothing outside `wire` sees them.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(enumeration = "EntryType", tag = "1")]
    pub(super) entry_type: i32,
    #[prost(uint64, tag = "2")]
    pub(super) term: u64,
    #[prost(uint64, tag = "3")]
    pub(super) index: u64,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) data: Bytes,
    #[prost(bytes = "bytes", tag = "6")]
    pub(super) context: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum EntryType {
    Normal = 0,
    ConfChange = 1,
    ConfChangeV2 = 2,
}

/// The data of an entry that changes the membership by one node.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfChange {
    #[prost(enumeration = "ConfChangeType", tag = "2")]
    pub(super) change_type: i32,
    #[prost(uint64, tag = "3")]
    pub(super) node_id: u64,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) context: Bytes,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct ConfChangeSingle {
    #[prost(enumeration = "ConfChangeType", tag = "1")]
    pub(super) change_type: i32,
    #[prost(uint64, tag = "2")]
    pub(super) node_id: u64,
}

/// The data of an entry that changes the membership by any number of nodes.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfChangeV2 {
    #[prost(enumeration = "ConfChangeTransition", tag = "1")]
    pub(super) transition: i32,
    #[prost(message, repeated, tag = "2")]
    pub(super) changes: Vec<ConfChangeSingle>,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) context: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ConfChangeType {
    AddVoter = 0,
    Remove = 1,
    AddLearner = 2,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ConfChangeTransition {
    Auto = 0,
    Implicit = 1,
    Explicit = 2,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ConfState {
    #[prost(uint64, repeated, tag = "1")]
    pub(super) voters: Vec<u64>,
    #[prost(uint64, repeated, tag = "2")]
    pub(super) learners: Vec<u64>,
    #[prost(uint64, repeated, tag = "3")]
    pub(super) voters_outgoing: Vec<u64>,
    #[prost(uint64, repeated, tag = "4")]
    pub(super) learners_next: Vec<u64>,
    #[prost(bool, tag = "5")]
    pub(super) auto_leave: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SnapshotMetadata {
    #[prost(message, optional, tag = "1")]
    pub(super) conf_state: Option<ConfState>,
    #[prost(uint64, tag = "2")]
    pub(super) index: u64,
    #[prost(uint64, tag = "3")]
    pub(super) term: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Snapshot {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) data: Bytes,
    #[prost(message, optional, tag = "2")]
    pub(super) metadata: Option<SnapshotMetadata>,
}

/// Kinds that nodes send to each other; the format has more, for messages of a node to itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, prost::Enumeration)]
#[repr(i32)]
pub(super) enum MessageType {
    /// The default of the field; never sent.
    Hup = 0,
    Propose = 2,
    Append = 3,
    AppendResponse = 4,
    RequestVote = 5,
    RequestVoteResponse = 6,
    Snapshot = 7,
    Heartbeat = 8,
    HeartbeatResponse = 9,
    TransferLeader = 13,
    TimeoutNow = 14,
    ReadIndex = 15,
    ReadIndexResp = 16,
    RequestPreVote = 17,
    RequestPreVoteResponse = 18,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Message {
    #[prost(enumeration = "MessageType", tag = "1")]
    pub(super) msg_type: i32,
    #[prost(uint64, tag = "2")]
    pub(super) to: u64,
    #[prost(uint64, tag = "3")]
    pub(super) from: u64,
    #[prost(uint64, tag = "4")]
    pub(super) term: u64,
    #[prost(uint64, tag = "5")]
    pub(super) log_term: u64,
    #[prost(uint64, tag = "6")]
    pub(super) index: u64,
    #[prost(message, repeated, tag = "7")]
    pub(super) entries: Vec<Entry>,
    #[prost(uint64, tag = "8")]
    pub(super) commit: u64,
    #[prost(message, optional, tag = "9")]
    pub(super) snapshot: Option<Snapshot>,
    #[prost(bool, tag = "10")]
    pub(super) reject: bool,
    #[prost(uint64, tag = "11")]
    pub(super) reject_hint: u64,
    #[prost(bytes = "bytes", tag = "12")]
    pub(super) context: Bytes,
    #[prost(uint64, tag = "15")]
    pub(super) commit_term: u64,
    #[prost(int64, tag = "16")]
    pub(super) priority: i64,
}
