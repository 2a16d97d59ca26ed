//! The sentences of the Raft paper, and of some chapters of the thesis, each played on nodes.
//!
//! A test opens with the sentence, in our words, and its section. §1 to §8 and the figures are those of *In Search
//! of an Understandable Consensus Algorithm (Extended Version)*; chapters are those of Ongaro's dissertation.

mod elections;
mod logs;
mod thesis;
