//! The followers of one leader.

use super::Progress;
use crate::consensus::types::NodeId;

/// A progress for each follower, in a small sorted vector: there are few, and they are walked often.
#[derive(Clone, Default)]
pub(in crate::consensus) struct ProgressSet {
    followers: Vec<(NodeId, Progress)>,
}

impl ProgressSet {
    pub(in crate::consensus) fn new(followers: impl Iterator<Item = (NodeId, Progress)>) -> Self {
        let mut followers: Vec<_> = followers.collect();
        followers.sort_unstable_by_key(|(node, _)| *node);
        // Members come and go rarely, leaders are idle often.
        followers.shrink_to_fit();
        Self { followers }
    }

    pub(in crate::consensus) fn insert(&mut self, node: NodeId, progress: Progress) {
        self.followers.push((node, progress));
        self.followers.sort_unstable_by_key(|(node, _)| *node);
    }

    pub(in crate::consensus) fn retain(&mut self, mut keep: impl FnMut(NodeId) -> bool) {
        self.followers.retain(|(node, _)| keep(*node));
    }

    fn position(&self, node: NodeId) -> Option<usize> {
        self.followers.iter().position(|(follower, _)| *follower == node)
    }

    pub(in crate::consensus) fn of(&self, node: NodeId) -> Option<&Progress> {
        self.position(node).map(|position| &self.followers[position].1)
    }

    pub(in crate::consensus) fn of_mut(&mut self, node: NodeId) -> Option<&mut Progress> {
        self.position(node).map(|position| &mut self.followers[position].1)
    }

    pub(in crate::consensus) fn iter(&self) -> impl Iterator<Item = (NodeId, &Progress)> {
        self.followers.iter().map(|(node, progress)| (*node, progress))
    }

    pub(in crate::consensus) fn iter_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut Progress)> {
        self.followers.iter_mut().map(|(node, progress)| (*node, progress))
    }
}
