//! What a node of any library has to do to stand for election and be killed.

use crate::Failure;

/// How long a follower waits for its leader at least, in ticks, for every library.
pub(super) const ELECTION_TICKS: u32 = 10;

/// How often a leader is heard, in ticks, for every library.
pub(super) const HEARTBEAT_TICKS: u32 = 1;

/// The cluster: as many as it takes to lose one.
pub(super) const IDS: [u64; 3] = [1, 2, 3];

/// A node of one library, without threads or time of its own.
pub(super) trait Member: Sized {
    /// What outlives it. Clones are handles on the same.
    type Disk: Clone;
    /// What it says to others.
    type Message;

    /// The disk of a node that has not run yet.
    fn new_disk() -> Self::Disk;

    /// Starts a node as its disk tells. `seed` is another one for each life.
    fn start(id: u64, disk: Self::Disk, seed: u64) -> Result<Self, Failure>;

    /// A tick has passed.
    fn tick(&mut self);

    /// A message has come.
    fn hear(&mut self, message: Self::Message) -> Result<(), Failure>;

    /// For which node it is.
    fn receiver_of(message: &Self::Message) -> u64;

    /// Does what is to be done, and appends what is to be sent.
    fn carry_out(&mut self, sent: &mut Vec<Self::Message>) -> Result<(), Failure>;

    /// Of which term it is the leader.
    fn leads(&self) -> Option<u64>;

    /// Writes a command; to which index of the log. Only a leader does.
    fn write(&mut self) -> Result<u64, Failure>;

    /// How far its state machine has come.
    fn applied(&self) -> u64;
}
