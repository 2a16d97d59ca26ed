//! How often each thing may happen.

/// What is left of everything that a schedule may do more than once. Deliveries and ends of writes have no bound of
/// their own: each needs a message, or a write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, clap::Args)]
pub struct Bounds {
    /// How often an election timeout passes on some node. Each begins a term.
    #[arg(long, default_value_t = 2)]
    pub timeouts: u8,
    /// How many commands a leader takes.
    #[arg(long, default_value_t = 2)]
    pub proposals: u8,
    /// How many processes die and start again.
    #[arg(long, default_value_t = 1)]
    pub crashes: u8,
    /// How many messages are lost, and their sender told. A message that is lost in silence needs no bound: it is one
    /// that never arrives, and every schedule that is explored is also explored without each of its deliveries.
    #[arg(long, default_value_t = 1)]
    pub losses: u8,
    /// How many messages arrive twice.
    #[arg(long, default_value_t = 1)]
    pub duplicates: u8,
    /// How often a leader's clock asks for heartbeats.
    #[arg(long, default_value_t = 1)]
    pub heartbeats: u8,
}
