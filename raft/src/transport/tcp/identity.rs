//! Who a node says it is.

use std::fmt;

use crate::consensus::NodeId;

/// Who a node says it is, when it opens a connection and when it accepts one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Which cluster the node belongs to: any number, the same on all its nodes. Keeps apart clusters whose
    /// addresses were mixed up.
    pub cluster: u64,
    /// The node's id.
    pub node: NodeId,
    /// Drawn at random when the node's store was made, and kept in it. A node that comes back with another one
    /// has lost its data, and with it votes and entries that it had promised to keep: its peers refuse it.
    pub incarnation: u64,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of cluster {} (incarnation {:016x})", self.node, self.cluster, self.incarnation)
    }
}
