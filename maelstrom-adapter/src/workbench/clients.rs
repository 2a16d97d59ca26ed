//! The clients: one outstanding request each, and a successor for each whose outcome stays unknown.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::wire::{INIT_CLIENT, Reply};

/// A request that was sent and not answered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outstanding<T> {
    pub(super) row: usize,
    pub(super) client: u32,
    pub(super) sent: Instant,
    /// What the caller wants to remember.
    pub(super) what: T,
}

/// All clients. Row `i` talks to node `i mod n`, under a new name after each unknown outcome.
pub(super) struct Clients<T> {
    random: Pcg64Mcg,
    timeout: Duration,
    node_count: usize,
    rows: Vec<Row<T>>,
    /// Rows without an outstanding request, unless their node was killed.
    idle: Vec<usize>,
    /// What every client that ever was has done, by its number.
    names: Vec<Name>,
    /// When requests run out, in the order of sending.
    timeouts: VecDeque<(Instant, u32, u64)>,
}

struct Row<T> {
    client: u32,
    outstanding: Option<Outstanding<T>>,
}

struct Name {
    row: usize,
    last_msg_id: u64,
}

/// What a reply turned out to be.
pub(super) enum Matched<T> {
    /// The answer to an outstanding request.
    Answer(Outstanding<T>),
    /// It answers a request that was given up, or answered already.
    Late,
    /// It answers something that was never asked.
    Wrong(String),
}

impl<T: Copy> Clients<T> {
    pub(super) fn new(count: usize, node_count: usize, timeout: Duration, random: Pcg64Mcg) -> Self {
        let mut clients = Self {
            random,
            timeout,
            node_count,
            rows: Vec::new(),
            idle: Vec::new(),
            // The number of the one that sends `init` is taken.
            names: vec![Name { row: usize::MAX, last_msg_id: 1 }],
            timeouts: VecDeque::new(),
        };
        for row in 0..count {
            let client = clients.new_name(row);
            clients.rows.push(Row { client, outstanding: None });
            clients.idle.push(row);
        }
        clients
    }

    fn new_name(&mut self, row: usize) -> u32 {
        self.names.push(Name { row, last_msg_id: 0 });
        u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
    }

    /// Whether some client could send a request.
    pub(super) fn any_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// Whether some request is outstanding.
    pub(super) fn any_outstanding(&self) -> bool {
        self.rows.iter().any(|row| row.outstanding.is_some())
    }

    /// Lets the clients of a node rest, for it was killed: they are not idle until it is [back](Self::wake). Gives
    /// their outstanding requests, which nobody will answer.
    pub(super) fn rest(&mut self, node: usize) -> Vec<Outstanding<T>> {
        let node_count = self.node_count;
        self.idle.retain(|row| row % node_count != node);
        let rows = self.rows.iter_mut().skip(node).step_by(node_count);
        rows.filter_map(|row| row.outstanding.take()).collect()
    }

    /// Lets the clients of a node go on.
    pub(super) fn wake(&mut self, node: usize) {
        let rows = (node..self.rows.len()).step_by(self.node_count);
        self.idle.extend(rows);
    }

    /// Draws an idle client: its row.
    pub(super) fn draw_idle(&mut self) -> Option<usize> {
        if self.idle.is_empty() {
            return None;
        }
        let place = self.random.random_range(0..self.idle.len());
        Some(self.idle.swap_remove(place))
    }

    /// Notes that the drawn client of `row` sends a request now: its name and the message's id.
    pub(super) fn send(&mut self, row: usize, now: Instant, what: T) -> (u32, u64) {
        let client = self.rows[row].client;
        let name = &mut self.names[client as usize];
        name.last_msg_id += 1;
        let msg_id = name.last_msg_id;
        self.rows[row].outstanding = Some(Outstanding { row, client, sent: now, what });
        self.timeouts.push_back((now + self.timeout, client, msg_id));
        (client, msg_id)
    }

    /// Finds the request that a reply answers; its client is idle afterwards.
    pub(super) fn answered(&mut self, reply: &Reply) -> Matched<T> {
        let wrong = |problem| Matched::Wrong(format!("a reply to c{} {problem}", reply.client));
        let Some(name) = self.names.get(reply.client as usize) else {
            return wrong("which does not exist".to_owned());
        };
        if reply.in_reply_to == 0 || reply.in_reply_to > name.last_msg_id {
            return wrong(format!("has in_reply_to {}, which it never sent", reply.in_reply_to));
        }
        let is_current = reply.client != INIT_CLIENT
            && self.rows[name.row].client == reply.client
            && name.last_msg_id == reply.in_reply_to;
        if !is_current {
            return Matched::Late;
        }
        let row = name.row;
        match self.rows[row].outstanding.take() {
            Some(outstanding) => {
                self.idle.push(row);
                Matched::Answer(outstanding)
            }
            None => Matched::Late,
        }
    }

    /// Gives the row a new name: the outcome of its last request stays unknown.
    pub(super) fn replace(&mut self, row: usize) {
        self.rows[row].client = self.new_name(row);
    }

    /// The next request whose time has run out; its client is idle afterwards.
    pub(super) fn timed_out(&mut self, now: Instant) -> Option<Outstanding<T>> {
        while let Some((due, client, msg_id)) = self.timeouts.front().copied() {
            let name = &self.names[client as usize];
            let row = &mut self.rows[name.row];
            let is_outstanding =
                row.client == client && name.last_msg_id == msg_id && row.outstanding.is_some();
            if is_outstanding && due > now {
                return None;
            }
            self.timeouts.pop_front();
            if is_outstanding {
                self.idle.push(name.row);
                return row.outstanding.take();
            }
        }
        None
    }

    /// When the next request may run out of time.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timeouts.front().map(|(due, ..)| *due)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::super::wire::Answer;
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn reply(client: u32, in_reply_to: u64) -> Reply {
        Reply { client, in_reply_to, answer: Answer::Written }
    }

    fn one_client_that_sent(now: Instant) -> Clients<u32> {
        let mut clients = Clients::new(1, 1, TIMEOUT, Pcg64Mcg::seed_from_u64(1));
        let row = clients.draw_idle().unwrap();
        assert_eq!(clients.send(row, now, 42), (1, 1));
        assert!(!clients.any_idle() && clients.any_outstanding());
        clients
    }

    #[test]
    fn an_answer_finds_its_request_once() {
        let now = Instant::now();
        let mut clients = one_client_that_sent(now);
        assert!(matches!(clients.answered(&reply(1, 1)), Matched::Answer(Outstanding { what: 42, .. })));
        assert!(matches!(clients.answered(&reply(1, 1)), Matched::Late));
        assert!(clients.timed_out(now + TIMEOUT).is_none());
        assert!(clients.any_idle());
    }

    #[test]
    fn a_late_answer_does_not_confuse_the_successor() {
        let now = Instant::now();
        let mut clients = one_client_that_sent(now);
        assert!(clients.timed_out(now + TIMEOUT / 2).is_none());
        let given_up = clients.timed_out(now + TIMEOUT).unwrap();
        clients.replace(given_up.row);
        assert_eq!(clients.draw_idle(), Some(0));
        assert_eq!(clients.send(0, now, 43), (2, 1));
        assert!(matches!(clients.answered(&reply(1, 1)), Matched::Late));
        assert!(matches!(clients.answered(&reply(2, 1)), Matched::Answer(Outstanding { what: 43, .. })));
    }

    #[test]
    fn clients_of_a_killed_node_rest_until_it_is_back() {
        let now = Instant::now();
        let mut clients = Clients::new(4, 2, TIMEOUT, Pcg64Mcg::seed_from_u64(1));
        let busy = clients.draw_idle().unwrap();
        let (client, msg_id) = clients.send(busy, now, 42);
        let node = busy % 2;
        let interrupted = clients.rest(node);
        assert_eq!(interrupted.iter().map(|outstanding| outstanding.row).collect::<Vec<_>>(), [busy]);
        clients.replace(busy);
        assert!(!clients.any_outstanding() && clients.timed_out(now + TIMEOUT).is_none());
        assert!(matches!(clients.answered(&reply(client, msg_id)), Matched::Late));

        let mut drawn: Vec<usize> = std::iter::from_fn(|| clients.draw_idle()).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [1 - node, 3 - node]);
        clients.wake(node);
        let mut drawn: Vec<usize> = std::iter::from_fn(|| clients.draw_idle()).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [node, 2 + node]);
    }

    #[test]
    fn an_answer_to_nothing_is_wrong() {
        let mut clients = one_client_that_sent(Instant::now());
        for (client, in_reply_to) in [(1, 2), (1, 0), (2, 1)] {
            assert!(matches!(clients.answered(&reply(client, in_reply_to)), Matched::Wrong(_)));
        }
    }
}
