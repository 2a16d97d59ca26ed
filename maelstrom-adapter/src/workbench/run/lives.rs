//! The ends and the new beginnings of nodes during a run.

use std::time::Instant;

use super::super::initialize::{is_init_ok, no_init, not_init_ok};
use super::super::pipes::Speaker;
use super::super::record::{Doubt, Outcome, RestartRecord, nanoseconds};
use super::super::wire::Reply;
use super::Run;

impl Run<'_> {
    /// Kills a node. What its clients have asked stays open for ever, and they wait until it is back.
    pub(super) fn kill(&mut self, node: usize, now: Instant) {
        self.cluster.kill(node);
        for outstanding in self.clients.rest(node) {
            self.complete(&outstanding, now, Outcome::Unknown(Doubt::NodeKilled));
        }
    }

    /// Starts a node again that was killed.
    pub(super) fn restart(&mut self, node: usize, now: Instant) {
        match self.cluster.restart(node) {
            Ok(()) => {
                let start = nanoseconds(self.start, now);
                self.finished.restarts.push(RestartRecord { node, start, up: None });
            }
            Err(error) => self.violation(error.to_string()),
        }
    }

    /// A node answers the one who sends `init`.
    pub(super) fn init_answered(&mut self, reply: &Reply, speaker: Speaker, arrival: Instant) {
        let Speaker { node, life, .. } = speaker;
        if !self.cluster.lives(node, life) {
            // The last words of one that was killed meanwhile.
            return;
        }
        if !is_init_ok(reply, life) {
            let words = self.cluster.last_words(node);
            let problem = not_init_ok(speaker, reply);
            self.violation(format!("{problem}\nthe end of its stderr:\n{words}"));
        } else if self.cluster.confirm(node) {
            self.clients.wake(node);
            let mut of_node = self.finished.restarts.iter_mut().rev().filter(|restart| restart.node == node);
            if let Some(restart) = of_node.next() {
                restart.up = Some(nanoseconds(self.start, arrival));
            }
        }
    }

    /// A node has closed its stdout: no surprise if it was killed.
    pub(super) fn ended(&mut self, speaker: Speaker) {
        let node = speaker.node;
        if self.cluster.lives(node, speaker.life) {
            let status = self.cluster.burial(node);
            let words = self.cluster.last_words(node);
            let when = if speaker.life > 1 { " after a restart" } else { "" };
            self.violation(format!(
                "n{node} ended by itself{when} ({status})\nthe end of its stderr:\n{words}"
            ));
        }
    }

    /// Gives up on nodes that were started again and do not say that they know who they are.
    pub(super) fn miss_silent_nodes(&mut self, now: Instant) {
        if let Some((deadline, node)) = self.cluster.next_deadline()
            && deadline <= now
        {
            let error = no_init(self.cluster, node);
            self.violation(error.to_string());
        }
    }
}
