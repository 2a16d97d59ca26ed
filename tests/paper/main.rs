//! The sentences of the Raft paper, and of some chapters of the thesis, each played on nodes.
//!
//! A test opens with the sentence, in our words, and its section. §1 to §8 and the figures are those of *In Search
//! of an Understandable Consensus Algorithm (Extended Version)*; chapters are those of Ongaro's dissertation. Where the
//! library does otherwise, the sentence says `Deviation:` and the test plays what the library does.
//!
//! | the paper | here |
//! |---|---|
//! | Figure 2: State; RequestVote and AppendEntries; Rules for Servers | `figure_2_state`, `figure_2_requests`, `figure_2_rules` |
//! | Figure 3: the properties; Figure 4: the states of a server | `figure_3`, `figure_4` |
//! | Figures 7 and 8: logs that differ, and old entries | `figures_7_and_8` |
//! | Figure 13: InstallSnapshot | `section_7_snapshots` |
//! | §5.1 terms, §5.2 elections, §5.3 replication, §5.4 safety | `section_5_1_terms` and so on |
//! | §5.5 crashes, §5.6 timing | `section_5_5_and_5_6` |
//! | §6 membership, §7 snapshots, §8 clients | `section_6_membership`, `section_7_snapshots`, `section_8_clients` |
//!
//! | the thesis | here |
//! |---|---|
//! | 3.8 restarts, 3.9 timing, 3.10 transfers; the rest of 3 is §5 | `thesis_3_raft` |
//! | 4.1 one server at a time | `thesis_4_1_one_at_a_time` |
//! | 4.2 availability, 4.3 arbitrary changes, 4.4 the whole | `thesis_4_2_to_4_4_membership` |
//! | 4.2.1 rounds, by which a new voter catches up | beside the code: `raft/src/runtime/driver/tests/membership.rs` |
//! | 6.2 finding the leader, 6.4 reads; sessions (6.3) are not in the library | `thesis_6_clients` |
//! | 9.6 pre-votes, 10.2.1 writes in parallel | `thesis_9_and_10` |

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod figure_2_requests;
mod figure_2_rules;
mod figure_2_state;
mod figure_3;
mod figure_4;
mod figures_7_and_8;
mod messages;
mod section_5_1_terms;
mod section_5_2_elections;
mod section_5_3_replication;
mod section_5_4_safety;
mod section_5_5_and_5_6;
mod section_6_membership;
mod section_7_snapshots;
mod section_8_clients;
mod thesis_3_raft;
mod thesis_4_1_one_at_a_time;
mod thesis_4_2_to_4_4_membership;
mod thesis_6_clients;
mod thesis_9_and_10;
