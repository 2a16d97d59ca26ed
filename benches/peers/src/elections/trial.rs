//! A cluster in simulated time, whose leader is killed.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::member::{ELECTION_TICKS, IDS, Member};
use crate::Failure;

/// A tick is so many moments. Nodes begin their ticks at different ones.
const MOMENTS_A_TICK: u64 = 10;

/// How long a message is on its way.
const DELAY: u64 = 1;

/// An election timeout, in moments.
const TIMEOUT: u64 = ELECTION_TICKS as u64 * MOMENTS_A_TICK;

/// How many timeouts anything may take before it counts as never.
const PATIENCE: u64 = 1_000;

/// Three nodes of one library, a network, and a clock that only this moves.
pub(super) struct Trial<M: Member> {
    nodes: [Option<M>; 3],
    disks: [M::Disk; 3],
    /// At which moment of a tick each begins its own.
    phases: [u64; 3],
    /// Messages, and when they arrive.
    network: VecDeque<(u64, M::Message)>,
    now: u64,
    chance: Pcg64,
}

/// A write that a leader has taken up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Write {
    position: usize,
    term: u64,
    index: u64,
}

impl<M: Member> Trial<M> {
    pub(super) fn new(seed: u64) -> Result<Self, Failure> {
        let mut chance = Pcg64::seed_from_u64(seed);
        let mut trial = Self {
            nodes: [None, None, None],
            disks: IDS.map(|_| M::new_disk()),
            phases: IDS.map(|_| chance.random_range(0..MOMENTS_A_TICK)),
            network: VecDeque::new(),
            now: 0,
            chance,
        };
        (0..IDS.len()).try_for_each(|position| trial.start(position))?;
        trial.write()?;
        Ok(trial)
    }

    /// Kills the leader of a healthy cluster and writes until that succeeds. How long it took, in election timeouts.
    /// The node comes back afterwards.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    pub(super) fn kill_leader(&mut self) -> Result<f64, Failure> {
        let leader = self.recover()?;
        // It dies at any moment, so at any time since its last heartbeat.
        for _ in 0..self.chance.random_range(0..TIMEOUT) {
            self.pass_moment()?;
        }
        self.nodes[leader] = None;
        let death = self.now;
        self.write()?;
        let wait = (self.now - death) as f64 / TIMEOUT as f64;
        self.start(leader)?;
        Ok(wait)
    }

    fn start(&mut self, position: usize) -> Result<(), Failure> {
        let seed = self.chance.random();
        self.nodes[position] = Some(M::start(IDS[position], self.disks[position].clone(), seed)?);
        Ok(())
    }

    /// Goes on until every node has applied what the leader has. Who leads.
    fn recover(&mut self) -> Result<usize, Failure> {
        let (write, _) = (self.write()?, self.pass_moment()?);
        let deadline = self.now + PATIENCE * TIMEOUT;
        while self.nodes.iter().any(|node| node.as_ref().is_none_or(|node| node.applied() < write.index)) {
            self.pass_moment_before(deadline, "a node did not catch up")?;
        }
        Ok(write.position)
    }

    /// Goes on until a write has succeeded. Each leader is asked once, as soon as it leads.
    fn write(&mut self) -> Result<Write, Failure> {
        let deadline = self.now + PATIENCE * TIMEOUT;
        let mut taken: Option<Write> = None;
        loop {
            if let Some((position, term)) = self.latest_leader()
                && taken.is_none_or(|write| write.term < term)
            {
                taken = self.propose(position, term)?;
            }
            if let Some(write) = taken.filter(|write| self.has_succeeded(*write)) {
                return Ok(write);
            }
            self.pass_moment_before(deadline, "no write succeeded")?;
        }
    }

    /// Of two that believe to lead, the one of the later term does.
    fn latest_leader(&self) -> Option<(usize, u64)> {
        let nodes = self.nodes.iter().enumerate();
        let leaders = nodes.filter_map(|(position, node)| Some((position, node.as_ref()?.leads()?)));
        leaders.max_by_key(|(_, term)| *term)
    }

    fn propose(&mut self, position: usize, term: u64) -> Result<Option<Write>, Failure> {
        let Some(node) = &mut self.nodes[position] else { return Ok(None) };
        let index = node.write()?;
        self.carry_out(position)?;
        Ok(Some(Write { position, term, index }))
    }

    /// Whether it is applied where it was taken up, and so that its client could be told.
    fn has_succeeded(&self, write: Write) -> bool {
        let node = self.nodes[write.position].as_ref();
        node.is_some_and(|node| node.leads() == Some(write.term) && node.applied() >= write.index)
    }

    fn pass_moment_before(&mut self, deadline: u64, failure: &'static str) -> Result<(), Failure> {
        if self.now >= deadline {
            return Err(format!("{failure} within {PATIENCE} election timeouts").into());
        }
        self.pass_moment()
    }

    /// What happens in a moment: messages arrive, then some nodes tick; and each does at once what it has to do.
    fn pass_moment(&mut self) -> Result<(), Failure> {
        self.now += 1;
        while self.network.front().is_some_and(|(due, _)| *due <= self.now) {
            let Some((_, message)) = self.network.pop_front() else { break };
            self.deliver(message)?;
        }
        for position in 0..IDS.len() {
            if self.now % MOMENTS_A_TICK == self.phases[position]
                && let Some(node) = &mut self.nodes[position]
            {
                node.tick();
                self.carry_out(position)?;
            }
        }
        Ok(())
    }

    fn deliver(&mut self, message: M::Message) -> Result<(), Failure> {
        let receiver = M::receiver_of(&message);
        let position = IDS.iter().position(|id| *id == receiver);
        // One to a node that is down is lost.
        if let Some(position) = position
            && let Some(node) = &mut self.nodes[position]
        {
            node.hear(message)?;
            self.carry_out(position)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, position: usize) -> Result<(), Failure> {
        let mut sent = Vec::new();
        if let Some(node) = &mut self.nodes[position] {
            node.carry_out(&mut sent)?;
        }
        let due = self.now + DELAY;
        self.network.extend(sent.into_iter().map(|message| (due, message)));
        Ok(())
    }
}
