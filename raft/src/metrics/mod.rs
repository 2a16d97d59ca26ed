//! What a node measures, as a page that Prometheus reads.
//!
//! [`Handle::metrics`](crate::Handle::metrics) gives a node's [`Metrics`]; [`render`](Metrics::render) makes the page:
//!
//! ```
//! # use quorate::{Config, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, RestoreError, SnapshotWriter};
//! # use quorate::StateMachine;
//! # use bytes::Bytes;
//! # struct Nothing;
//! # impl StateMachine for Nothing {
//! #     type Response = ();
//! #     type Query = ();
//! #     type Answer = ();
//! #     fn apply(&mut self, _: LogIndex, _: &Bytes) {}
//! #     fn query(&self, (): ()) {}
//! #     fn snapshot(&self) -> SnapshotWriter { Box::new(|_| Ok(())) }
//! #     fn restore(&mut self, _: &mut dyn std::io::Read) -> Result<(), RestoreError> { Ok(()) }
//! # }
//! # let network = MemNetwork::new();
//! # let node = Node::start(
//! #     Config::new(NodeId(1), 1),
//! #     Options::default(),
//! #     Nothing,
//! #     MemStorage::with_voters([NodeId(1)]),
//! #     network.transport(NodeId(1)),
//! #     slog::Logger::root(slog::Discard, slog::o!()),
//! # )?;
//! let page = node.handle().metrics().render();
//! assert!(page.contains("quorate_running{node=\"n1\"} 1\n"));
//! # Ok::<(), quorate::runtime::StartError>(())
//! ```
//!
//! Serve it over HTTP as [`CONTENT_TYPE`]. `docs/metrics.md` tells what each of them means. Transports, storages and
//! programs add their own with [`Metrics::add`].
//!
//! Measuring takes no locks and allocates nothing on the way of a command; what can be read from the node's status is
//! read when the page is rendered.

mod histogram;
mod page;

use std::{borrow::Cow, fmt, sync::Arc};

use parking_lot::Mutex;
// The official client: it knows the format. It serves nothing and starts nothing.
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, text},
    registry::Registry,
};

pub use histogram::Histogram;
pub use page::{MetricSource, Page};

use crate::consensus::NodeId;

/// As what a page is to be served.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of a node. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    node: NodeId,
    sources: Sources,
}

/// The node itself, and those that were added.
#[derive(Clone)]
struct Sources {
    own: Arc<dyn MetricSource>,
    added: Arc<AddedSources>,
}

/// Sources that were added to a node's own.
pub(crate) type AddedSources = Mutex<Vec<Arc<dyn MetricSource>>>;

impl Metrics {
    pub(crate) fn new(node: NodeId, own: Arc<dyn MetricSource>, added: Arc<AddedSources>) -> Self {
        Self { node, sources: Sources { own, added } }
    }

    /// From now on this node's pages show `source` too, behind those that are there already.
    pub fn add(&self, source: impl MetricSource) {
        self.sources.added.lock().push(Arc::new(source));
    }

    /// The page, as of now.
    #[must_use]
    pub fn render(&self) -> String {
        let label = (Cow::from("node"), Cow::from(self.node.to_string()));
        let mut registry = Registry::with_labels([label].into_iter());
        registry.register_collector(Box::new(self.sources.clone()));
        let mut page = String::new();
        // A string takes everything.
        let _complete = text::encode(&mut page, &registry);
        page
    }
}

impl Collector for Sources {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page::new(encoder);
        self.own.describe(&mut page);
        // Not asked under the lock: a source may take its time.
        let added = self.added.lock().clone();
        added.iter().for_each(|source| source.describe(&mut page));
        page.finish()
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("added", &self.added.lock().len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("node", &self.node).field("sources", &self.sources).finish()
    }
}
