//! Openraft's network: calls of the other node's methods.

use std::{collections::BTreeMap, future::Future, io, sync::Arc};

use openraft::{
    errors::{RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{RPCOption, RaftNetworkFactory, RaftNetworkV2},
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
    type_config::alias::{SnapshotOf, VoteOf},
};
use parking_lot::RwLock;

use super::{Raft, Types};

/// All nodes, by their ids. Clones are handles on the same.
#[derive(Clone, Default)]
pub(super) struct Network {
    nodes: Arc<RwLock<BTreeMap<u64, Raft>>>,
}

impl Network {
    pub(super) fn attach(&self, id: u64, node: Raft) {
        self.nodes.write().insert(id, node);
    }
}

/// To one node.
pub(super) struct Link {
    to: u64,
    network: Network,
}

impl Link {
    fn node(&self) -> Result<Raft, Unreachable<Types>> {
        let node = self.network.nodes.read().get(&self.to).cloned();
        node.ok_or_else(|| unreachable(&io::Error::other("it is not attached")))
    }
}

fn unreachable(error: &(impl std::error::Error + 'static)) -> Unreachable<Types> {
    Unreachable::new(error)
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, to: u64, _node: &()) -> Link {
        Link { to, network: self.clone() }
    }
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = ();

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        Ok(self.node()?.append_entries(request).await.map_err(|error| unreachable(&error))?)
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        Ok(self.node()?.vote(request).await.map_err(|error| unreachable(&error))?)
    }

    async fn full_snapshot(
        &mut self,
        vote: VoteOf<Types>,
        snapshot: SnapshotOf<Types, ()>,
        _cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let installed = self.node()?.install_full_snapshot(vote, snapshot).await;
        Ok(installed.map_err(|error| unreachable(&error))?)
    }
}
