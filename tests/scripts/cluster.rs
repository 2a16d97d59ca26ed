//! The nodes of a script and the network between them.

use std::collections::BTreeMap;

use quorate::{Envelope, NodeId, RawNode};

use crate::{
    arguments::{Arguments, Parse, Refusal},
    founding,
    journal::Journal,
    network::{self, Network, Selection},
    server::Server,
};

#[derive(Default)]
pub(crate) struct Cluster {
    servers: BTreeMap<NodeId, Server>,
    pub(crate) network: Network,
    pub(crate) journal: Journal,
}

impl Cluster {
    /// A cluster that is not quiet after so many messages never will be.
    const MOST_MESSAGES: usize = 10_000;

    pub(crate) fn found(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Refusal> {
        self.network = Network::default();
        self.servers = founding::found(arguments, &self.journal)?;
        Ok(())
    }

    pub(crate) fn server(&mut self, id: NodeId) -> Result<&mut Server, Refusal> {
        self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}").into())
    }

    /// `all`, or the nodes that are named.
    pub(crate) fn nodes(&self, word: &str) -> Result<Vec<NodeId>, Refusal> {
        if word == "all" { Ok(self.servers.keys().copied().collect()) } else { Vec::parse(word) }
    }

    /// Calls a node, and carries out what it then wants done.
    pub(crate) fn call<T>(&mut self, id: NodeId, call: impl FnOnce(&mut RawNode) -> T) -> Result<T, Refusal> {
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        let result = server.call(&self.journal, call)?;
        self.settle(id)?;
        Ok(result)
    }

    pub(crate) fn settle(&mut self, id: NodeId) -> Result<(), Refusal> {
        let journal = &self.journal;
        let Some(server) = self.servers.get_mut(&id) else { return Ok(()) };
        let sent = server.settle(journal)?;
        sent.into_iter().for_each(|envelope| self.network.send(envelope, journal));
        Ok(())
    }

    /// The same for a node that refuses: `n1@3 no leader is known … -> refuse`.
    pub(crate) fn ask<T, E: std::fmt::Display>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut RawNode) -> Result<T, E>,
        accepted: impl FnOnce(&mut Server, T) -> Option<String>,
    ) -> Result<(), Refusal> {
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        match server.call(&self.journal, call)? {
            Ok(value) => {
                if let Some(line) = accepted(server, value) {
                    server.tell(line, &self.journal);
                }
            }
            Err(error) => server.tell(format_args!("{error} -> refuse"), &self.journal),
        }
        self.settle(id)
    }

    /// Delivers what is selected and under way now; not what it causes.
    pub(crate) fn deliver(&mut self, selection: &Selection) -> Result<(), Refusal> {
        self.network.take(selection).into_iter().try_for_each(|envelope| self.deliver_one(envelope))
    }

    fn deliver_one(&mut self, envelope: Envelope) -> Result<(), Refusal> {
        let to = envelope.to;
        if self.servers.get(&to).is_none_or(|server| !server.is_up()) {
            network::lose(&envelope, &self.journal);
            return Ok(());
        }
        self.ask(to, |raw| raw.step(envelope), |_, ()| None)
    }

    pub(crate) fn drop(&mut self, selection: &Selection) {
        for envelope in self.network.take(selection) {
            network::lose(&envelope, &self.journal);
        }
    }

    /// Delivers and, on slow nodes, writes and applies, until nothing is left to do among `nodes`.
    pub(crate) fn stabilize(&mut self, nodes: &[NodeId]) -> Result<(), Refusal> {
        for _ in 0..Self::MOST_MESSAGES {
            if let Some(envelope) = self.network.take_first_among(nodes) {
                self.deliver_one(envelope)?;
            } else if !self.work_of_slow(nodes)? {
                return Ok(());
            }
        }
        Err("the cluster does not become quiet".into())
    }

    /// Whether a slow node had anything to do.
    fn work_of_slow(&mut self, nodes: &[NodeId]) -> Result<bool, Refusal> {
        for id in nodes {
            let is_idle = self.servers.get(id).is_none_or(|server| !server.is_slow || !server.is_up());
            if !is_idle && (self.take_ready(*id)? || self.write(*id)? || self.apply(*id)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn take_ready(&mut self, id: NodeId) -> Result<bool, Refusal> {
        let journal = &self.journal;
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        let sent = server.take_ready(journal)?;
        Ok(self.send_all(sent))
    }

    pub(crate) fn write(&mut self, id: NodeId) -> Result<bool, Refusal> {
        let journal = &self.journal;
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        let sent = server.finish_write(journal)?;
        Ok(self.send_all(sent))
    }

    pub(crate) fn apply(&mut self, id: NodeId) -> Result<bool, Refusal> {
        let journal = &self.journal;
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        server.finish_apply(journal)
    }

    fn send_all(&mut self, sent: Option<Vec<Envelope>>) -> bool {
        let happened = sent.is_some();
        sent.into_iter().flatten().for_each(|envelope| self.network.send(envelope, &self.journal));
        happened
    }

    /// One tick for each of `nodes` that is up.
    pub(crate) fn tick(&mut self, nodes: &[NodeId]) -> Result<(), Refusal> {
        for id in nodes {
            if self.servers.get(id).is_some_and(Server::is_up) {
                self.call(*id, RawNode::tick)?;
            }
        }
        Ok(())
    }

    pub(crate) fn restart(&mut self, id: NodeId, applied: Option<quorate::LogIndex>) -> Result<(), Refusal> {
        let server = self.servers.get_mut(&id).ok_or_else(|| format!("there is no {id}"))?;
        server.crash();
        server.start(applied, &self.journal)?;
        self.settle(id)
    }
}
