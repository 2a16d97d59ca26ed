//! The network between nodes: real frames with real messages, which arrive late, twice, in another order, or never.

use std::{collections::BTreeMap, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};

use super::super::{
    counts::{Count, Counts},
    plan::Weather,
    random::Random,
    trace::{Fate, Trace, What},
};
use crate::{
    consensus::{Envelope, Message, NodeId},
    transport::tcp::frame::{self, FrameReader, Kind},
    wire,
};

/// A field that the wire format does not have: number 2,000, a varint. Later versions may add any such.
const FIELD_OF_A_LATER_VERSION: [u8; 3] = [0x80, 0x7d, 0x07];

/// All links, and what is on its way.
pub(in crate::simulation) struct Network {
    random: Random,
    /// What it is like as long as no storm is on.
    usual: Weather,
    /// The storms that are on, by the number of what brought them; the latest counts.
    storms: Vec<(usize, Weather)>,
    links: BTreeMap<(NodeId, NodeId), Link>,
    /// The log that each node was first met with.
    incarnations: BTreeMap<NodeId, u64>,
    next_number: u64,
    buffer: BytesMut,
}

/// One direction between two nodes.
#[derive(Default)]
struct Link {
    /// How many faults cut it at present.
    cuts: u32,
    /// When the latest message that keeps the order arrives.
    latest: Duration,
    /// Counts connections: what was sent on an earlier one is lost.
    connection: u32,
}

/// A message on its way.
#[derive(Debug)]
pub(in crate::simulation) struct Packet {
    pub(super) number: u64,
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    connection: u32,
    bytes: Bytes,
    is_corrupted: bool,
    pub(super) is_snapshot: bool,
    /// The log of its sender, and of whom it takes for its receiver.
    pub(super) incarnation: u64,
}

/// What notes things down while a message is sent.
pub(super) struct Notes<'a> {
    pub(super) now: Duration,
    pub(super) trace: &'a mut Trace,
    pub(super) counts: &'a mut Counts,
}

impl Network {
    pub(super) fn new(seed: u64, usual: Weather) -> Self {
        Self {
            random: Random::new(seed, "network"),
            usual,
            storms: Vec::new(),
            links: BTreeMap::new(),
            incarnations: BTreeMap::new(),
            next_number: 1,
            buffer: BytesMut::new(),
        }
    }

    /// Cuts a link in one direction; every cut needs a [`mend`](Self::mend).
    pub(in crate::simulation) fn cut(&mut self, from: NodeId, to: NodeId) {
        let link = self.links.entry((from, to)).or_default();
        link.cuts += 1;
        link.connection += 1;
    }

    pub(in crate::simulation) fn mend(&mut self, from: NodeId, to: NodeId) {
        let link = self.links.entry((from, to)).or_default();
        link.cuts = link.cuts.saturating_sub(1);
    }

    pub(in crate::simulation) fn begin_storm(&mut self, number: usize, weather: Weather) {
        self.storms.push((number, weather));
    }

    pub(in crate::simulation) fn end_storm(&mut self, number: usize) {
        self.storms.retain(|(storm, _)| *storm != number);
    }

    /// What was on its way to or from this node is lost: its process has ended.
    pub(super) fn break_connections(&mut self, node: NodeId) {
        let links = self.links.iter_mut().filter(|((from, to), _)| *from == node || *to == node);
        links.for_each(|(_, link)| link.connection += 1);
    }

    /// Sends a message; `add` is given each copy that will arrive, and when. Whether any will.
    ///
    /// # Errors
    /// If the data of a snapshot cannot be read from its disk.
    pub(super) fn send(
        &mut self,
        envelope: &Envelope,
        sender: Sender,
        notes: &mut Notes<'_>,
        mut add: impl FnMut(Duration, Packet),
    ) -> std::io::Result<bool> {
        let bytes = self.encode(envelope, sender.is_later_version)?;
        let (from, to) = (envelope.from, envelope.to);
        let weather = self.storms.last().map_or(&self.usual, |(_, weather)| weather).clone();
        notes.counts.count(Count::MessagesSent);
        let copies = if self.random.per_mille(weather.doubled) { 2 } else { 1 };
        if copies > 1 {
            notes.counts.count(Count::MessagesDoubled);
        }
        let mut arrives = false;
        for _ in 0..copies {
            let number = self.next_number;
            self.next_number += 1;
            let text = if notes.trace.keeps_records() { envelope.to_string() } else { String::new() };
            let sent = What::Sent { number, to, checksum: crc32fast::hash(&bytes), text };
            notes.trace.note(notes.now, Some(from), sent);
            let link = self.links.entry((from, to)).or_default();
            let lost = if link.cuts > 0 {
                Some((Fate::Cut, Count::MessagesCut))
            } else if self.random.per_mille(weather.lost) {
                Some((Fate::Lost, Count::MessagesLost))
            } else {
                None
            };
            if let Some((fate, count)) = lost {
                notes.trace.note(notes.now, Some(to), What::Ended { number, fate });
                notes.counts.count(count);
                continue;
            }
            let mut at = notes.now + self.random.duration(weather.delay_min, weather.delay_max);
            if self.random.per_mille(weather.overtaken) {
                notes.counts.count(Count::MessagesOvertaken);
                at += self.random.duration(weather.delay_max, weather.delay_max * 20);
            } else {
                at = at.max(link.latest);
                link.latest = at;
            }
            let is_corrupted = self.random.per_mille(weather.corrupted);
            let bytes = if is_corrupted { corrupt(&bytes, &mut self.random) } else { bytes.clone() };
            let is_snapshot = matches!(envelope.message, Message::SnapshotRequest { .. });
            let (connection, incarnation) = (link.connection, sender.incarnation);
            add(at, Packet { number, from, to, connection, bytes, is_corrupted, is_snapshot, incarnation });
            arrives = true;
        }
        Ok(arrives)
    }

    /// Whether two nodes have the logs that they are known by.
    pub(super) fn knows(&mut self, from: NodeId, its: u64, to: NodeId, own: u64) -> bool {
        [(from, its), (to, own)]
            .into_iter()
            .all(|(node, log)| *self.incarnations.entry(node).or_insert(log) == log)
    }

    fn encode(&mut self, envelope: &Envelope, is_later_version: bool) -> std::io::Result<Bytes> {
        self.buffer.clear();
        wire::encode(envelope, &mut self.buffer)?;
        if is_later_version {
            self.buffer.put_slice(&FIELD_OF_A_LATER_VERSION);
        }
        let mut framed = BytesMut::with_capacity(self.buffer.len() + 16);
        frame::put(&mut framed, Kind::Message, &self.buffer);
        Ok(framed.freeze())
    }

    /// A packet has come to the end of its way: the message, if it is one.
    pub(super) fn receive(&mut self, packet: &Packet, counts: &mut Counts) -> Result<Envelope, Fate> {
        let link = self.links.entry((packet.from, packet.to)).or_default();
        if link.cuts > 0 {
            return Err(Fate::Cut);
        }
        if link.connection != packet.connection {
            return Err(Fate::Damaged);
        }
        let frame = FrameReader::new(&packet.bytes[..], packet.bytes.len()).next();
        let message = frame.ok().and_then(|frame| wire::decode(frame.body).ok());
        if message.is_none() {
            // Where a frame ends is no longer known -> the connection ends.
            link.connection += 1;
            counts.count(Count::MessagesCorrupted);
        }
        message.ok_or(Fate::Damaged)
    }
}

/// Who sends.
#[derive(Clone, Copy)]
pub(super) struct Sender {
    pub(super) incarnation: u64,
    pub(super) is_later_version: bool,
}

impl Packet {
    /// Whether it was changed on its way.
    pub(super) fn is_corrupted(&self) -> bool {
        self.is_corrupted
    }
}

fn corrupt(bytes: &Bytes, random: &mut Random) -> Bytes {
    let mut bytes = BytesMut::from(&bytes[..]);
    let at = random.index(bytes.len());
    bytes[at] ^= 1 << random.below(8);
    bytes.freeze()
}
