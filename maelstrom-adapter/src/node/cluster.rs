//! Who belongs to the cluster, as `init` says it.

use quorate::NodeId;

use super::message::{FieldError, Fields};

/// The largest cluster. Beyond, a majority costs more messages than a further node is worth.
const NODE_COUNT_MAX: usize = 9;

/// The names of all nodes, and which of them this one is.
///
/// Raft knows nodes by number: node *i* of the sorted names is `NodeId(i + 1)`, the same on every node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cluster {
    names: Vec<String>,
    own: usize,
}

impl Cluster {
    /// Reads the fields of an `init` request.
    ///
    /// # Errors
    /// [`InitError`] if they do not describe a cluster that this node belongs to.
    pub(super) fn from_init(fields: &Fields<'_>) -> Result<Self, InitError> {
        let own_name: String = fields.required("node_id")?;
        let mut names: Vec<String> = fields.required("node_ids")?;
        names.sort_unstable();
        if names.len() > NODE_COUNT_MAX {
            return Err(InitError::TooMany { count: names.len() });
        }
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InitError::Twice { name: pair[0].clone() });
        }
        if names.iter().any(String::is_empty) {
            return Err(InitError::Nameless);
        }
        match names.binary_search(&own_name) {
            Ok(own) => Ok(Self { names, own }),
            Err(_) => Err(InitError::NotAMember { name: own_name }),
        }
    }

    /// This node's name.
    pub(super) fn own_name(&self) -> &str {
        &self.names[self.own]
    }

    /// This node's number.
    pub(super) fn own_id(&self) -> NodeId {
        Self::number(self.own)
    }

    /// The number of the node `name`.
    pub(super) fn id_of(&self, name: &str) -> Option<NodeId> {
        // At most nine: no search is quicker than looking at each.
        self.names.iter().position(|candidate| candidate == name).map(Self::number)
    }

    /// All names, in the order of their numbers.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// All numbers.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.names.len()).map(Self::number)
    }

    fn number(position: usize) -> NodeId {
        NodeId(position as u64 + 1)
    }
}

/// Why an `init` was refused. The node waits for a better one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum InitError {
    #[error(transparent)]
    Field(#[from] FieldError),
    #[error("node_ids names {count} nodes: give at most {NODE_COUNT_MAX}")]
    TooMany { count: usize },
    #[error("node_ids names {name:?} twice: give every node a name of its own")]
    Twice { name: String },
    #[error("node_ids holds an empty name: give every node a name")]
    Nameless,
    #[error("node_id {name:?} is not among node_ids: list every node, this one too")]
    NotAMember { name: String },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::message::Message;

    fn init(fields: &str) -> Result<Cluster, InitError> {
        let line = format!(r#"{{"src":"c0","dest":"x","body":{{"type":"init",{fields}}}}}"#);
        Cluster::from_init(&Message::parse(line.as_bytes()).unwrap().body.fields)
    }

    #[test]
    fn nodes_are_numbered_in_the_order_of_their_names_on_every_node() {
        let first = init(r#""node_id":"b","node_ids":["c","a","b"]"#).unwrap();
        let second = init(r#""node_ids":["b","c","a"],"node_id":"c""#).unwrap();
        assert_eq!(first.own_id(), NodeId(2));
        assert_eq!(second.own_id(), NodeId(3));
        for name in ["a", "b", "c"] {
            assert_eq!(first.id_of(name), second.id_of(name));
        }
        assert_eq!(first.id_of("d"), None);
        assert_eq!(first.ids().collect::<Vec<_>>(), [NodeId(1), NodeId(2), NodeId(3)]);
    }

    #[test]
    fn a_cluster_that_cannot_be_is_refused_and_the_error_names_the_problem() {
        let ten: Vec<String> = (0..10).map(|number| format!("\"n{number}\"")).collect();
        let ten = format!(r#""node_id":"n1","node_ids":[{}]"#, ten.join(","));
        let mistakes = [
            (r#""node_id":"d","node_ids":["a","b"]"#, "\"d\" is not among"),
            (r#""node_id":"a","node_ids":["a","b","a"]"#, "\"a\" twice"),
            (r#""node_id":"a","node_ids":["a",""]"#, "empty name"),
            (r#""node_id":"a","node_ids":[]"#, "not among"),
            (r#""node_id":"a""#, "no \"node_ids\""),
            (r#""node_id":7,"node_ids":["a"]"#, "\"node_id\" is not"),
            (r#""node_id":"a","node_ids":"a""#, "\"node_ids\" is not"),
            (&ten, "10 nodes"),
        ];
        for (fields, problem) in mistakes {
            let message = init(fields).unwrap_err().to_string();
            assert!(message.contains(problem), "{fields}: {message}");
        }
    }
}
