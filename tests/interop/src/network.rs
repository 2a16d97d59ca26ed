//! The network: bytes on their way, and which links are cut.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{Message, MessageType};

/// One message on its way.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The node that sent it: not always the one that it names as its sender.
    pub from: u64,
    /// The node that it is for.
    pub to: u64,
    /// What its sender's library has made of it.
    pub bytes: Bytes,
}

impl Packet {
    /// What raft-rs reads in it.
    ///
    /// # Panics
    /// If it can read nothing.
    #[must_use]
    pub fn read(&self) -> Message {
        Message::parse_from_bytes(&self.bytes).expect("raft-rs can read it")
    }

    /// What kind of message raft-rs takes it for.
    #[must_use]
    pub fn kind(&self) -> MessageType {
        self.read().get_msg_type()
    }
}

/// Messages on their way, oldest first. A cut link loses what is sent over it.
#[derive(Default)]
pub struct Network {
    /// What is on its way.
    pub in_flight: VecDeque<Packet>,
    cut: BTreeSet<(u64, u64)>,
}

impl Network {
    /// Cuts both directions of a link.
    pub fn cut(&mut self, one: u64, other: u64) {
        self.cut.extend([(one, other), (other, one)]);
    }

    /// Whether nothing passes from one to the other.
    #[must_use]
    pub fn is_cut(&self, from: u64, to: u64) -> bool {
        self.cut.contains(&(from, to))
    }

    /// All links work again. What was lost stays lost.
    pub fn heal(&mut self) {
        self.cut.clear();
    }
}
