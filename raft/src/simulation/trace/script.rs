//! A trace in the notation of the scripts: what was done above the line, what happened below it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use super::{Fate, Record, Trace, What};
use crate::consensus::{NodeId, RoleKind, Term};

const HEAD: &str = "\
# What happened in a simulation, in the notation of `tests/scripts`: a draft for a script, and not one that runs.
# The language has no time and no disks that work at their own pace, so `campaign` and `tick` stand where a node's timer
# must have run out, and what has no command is a comment. A message is delivered when it comes to the end of its way.
";

/// The trace as a draft for a script. Empty but for its head if nothing was kept.
#[must_use]
pub fn script(trace: &Trace) -> String {
    let mut writer = Writer::new();
    let nodes: BTreeSet<NodeId> = trace.records().iter().filter_map(|record| record.node).collect();
    writer.command(format!("cluster nodes={}", nodes.last().map_or(0, |last| last.0)));
    trace.records().iter().for_each(|record| writer.record(record));
    writer.end_block();
    writer.text
}

/// Writes blocks: commands, a line, and what they print.
struct Writer {
    text: String,
    commands: Vec<String>,
    /// Whether all of `commands` are comments, which nothing can follow from.
    has_only_comments: bool,
    output: Vec<String>,
    terms: BTreeMap<NodeId, Term>,
    roles: BTreeMap<NodeId, RoleKind>,
    messages: BTreeMap<u64, Message>,
}

/// A message on its way.
struct Message {
    from: NodeId,
    /// As it is shown when it leaves: `n1@2 → n2 Heartbeat commit=2`.
    text: String,
}

impl Message {
    /// `Heartbeat`.
    fn kind(&self) -> &str {
        self.text.split(' ').nth(3).unwrap_or_default()
    }
}

impl Writer {
    fn new() -> Self {
        Self {
            text: HEAD.to_owned() + "\n",
            commands: Vec::new(),
            has_only_comments: true,
            output: Vec::new(),
            terms: BTreeMap::new(),
            roles: BTreeMap::new(),
            messages: BTreeMap::new(),
        }
    }

    fn record(&mut self, record: &Record) {
        let seconds = record.at.as_secs_f64();
        match (&record.what, record.node) {
            (What::Sent { number, text, .. }, Some(from)) => self.sent(*number, from, text),
            (What::Ended { number, fate }, Some(to)) => self.ended(*number, to, *fate),
            (What::Role { term, role, leader }, Some(node)) => self.role(node, *term, *role, *leader),
            (What::Started, Some(node)) => self.command(format!("restart {}", node.0)),
            (What::Stopped(why), Some(node)) => {
                self.comment(&format!("{seconds:.6} s: {node}: {why}"));
                self.command(format!("crash {}", node.0));
                self.roles.remove(&node);
            }
            (What::Committed(index), Some(node)) => {
                self.happens(node, &format!("knows that {index} is committed"))
            }
            (What::Applied(index), Some(node)) => self.happens(node, &format!("has applied {index}")),
            (What::Durable(index), Some(node)) => self.happens(node, &format!("has written {index}")),
            (What::Snapshot(index), Some(node)) => {
                self.happens(node, &format!("has a snapshot up to {index}"))
            }
            (What::Violation(words), _) => self.comment(&format!("{seconds:.6} s: BROKEN: {words}")),
            (what, Some(node)) => self.comment(&format!("{seconds:.6} s: {node}: {what}")),
            (what, None) => self.comment(&format!("{seconds:.6} s: {what}")),
        }
    }

    fn sent(&mut self, number: u64, from: NodeId, text: &str) {
        let message = Message { from, text: text.to_owned() };
        // Heartbeats leave on a tick; a round of them on one.
        if message.kind() == "Heartbeat" && !self.output.iter().any(|line| line.contains(" Heartbeat ")) {
            self.command(format!("tick {}", from.0));
        }
        self.print(message.text.clone());
        self.messages.insert(number, message);
    }

    fn ended(&mut self, number: u64, to: NodeId, fate: Fate) {
        let Some(message) = self.messages.remove(&number) else { return };
        let verb = if fate == Fate::Arrived { "deliver" } else { "drop" };
        self.command(format!("{verb} {} from={} type={} count=1", to.0, message.from.0, message.kind()));
        if fate != Fate::Arrived {
            self.print(format!("{} ({})", message.text.replacen('→', "↛", 1), fate.words()));
        }
    }

    fn role(&mut self, node: NodeId, term: Term, role: RoleKind, leader: Option<NodeId>) {
        self.terms.insert(node, term);
        let before = self.roles.insert(node, role);
        let stands = matches!(role, RoleKind::PreCandidate | RoleKind::Candidate);
        if stands && before == Some(RoleKind::Follower) {
            self.command(format!("campaign {}", node.0));
        }
        let leader = leader.map_or("nobody".to_owned(), |leader| leader.to_string());
        self.happens(node, &format!("is {role}, leader={leader}"));
    }

    /// Something that a node does.
    fn happens(&mut self, node: NodeId, what: &str) {
        let term = self.terms.get(&node).copied().unwrap_or_default();
        self.print(format!("{node}@{term} {what}"));
    }

    fn print(&mut self, line: String) {
        if self.has_only_comments {
            // Nobody has done anything -> time has passed.
            self.command("tick all".to_owned());
        }
        self.output.push(line);
    }

    fn command(&mut self, command: String) {
        if !self.output.is_empty() {
            self.end_block();
        }
        self.commands.push(command);
        self.has_only_comments = false;
    }

    fn comment(&mut self, words: &str) {
        if !self.output.is_empty() {
            self.end_block();
        }
        self.commands.extend(words.lines().map(|line| format!("# {line}")));
    }

    fn end_block(&mut self) {
        let commands = self.commands.drain(..).map(|line| line + "\n");
        self.text.extend(commands);
        if !self.has_only_comments {
            self.text.push_str("---\n");
        }
        for line in self.output.drain(..) {
            // A String can always be written to.
            let _ = writeln!(self.text, "{line}");
        }
        self.text.push('\n');
        self.has_only_comments = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_trace_reads_like_a_script() {
        let (one, two) = (NodeId(1), NodeId(2));
        let role = |role, leader| What::Role { term: Term(1), role, leader };
        let sent = |number, to, text: &str| What::Sent { number, to, checksum: 0, text: text.to_owned() };
        let mut trace = Trace::new(true);
        let story = [
            (Some(one), What::Started),
            (Some(two), What::Started),
            (Some(one), role(RoleKind::Follower, None)),
            (Some(one), role(RoleKind::Candidate, None)),
            (Some(one), sent(1, two, "n1@1 → n2 VoteRequest last=0@0")),
            (None, What::Action("#0 leader cut off, for 1s".to_owned())),
            (Some(two), What::Ended { number: 1, fate: Fate::Arrived }),
            (Some(two), sent(2, one, "n2@1 → n1 VoteResponse granted=true")),
            (Some(one), What::Ended { number: 2, fate: Fate::Cut }),
            (Some(one), What::Stopped("killed".to_owned())),
        ];
        for (node, what) in story {
            trace.note(Duration::from_millis(20), node, what);
        }
        let expected = "\
cluster nodes=2
restart 1
restart 2
---
n1@1 is follower, leader=nobody

campaign 1
---
n1@1 is candidate, leader=nobody
n1@1 → n2 VoteRequest last=0@0

# 0.020000 s: #0 leader cut off, for 1s
deliver 2 from=1 type=VoteRequest count=1
---
n2@1 → n1 VoteResponse granted=true

drop 1 from=2 type=VoteResponse count=1
---
n2@1 ↛ n1 VoteResponse granted=true (the link is cut)

# 0.020000 s: n1: killed
crash 1
---

";
        assert_eq!(script(&trace).strip_prefix(HEAD).map(str::trim_start), Some(expected));
    }
}
