//! What was measured, round after round.

use super::{Case, cluster::Cost};
use crate::report::{Better, Row, Spread};

/// What one case has cost, on either side, in each round.
pub(super) struct Results {
    pub(super) case: Case,
    pub(super) ours: Vec<Cost>,
    pub(super) theirs: Vec<Cost>,
}

impl Results {
    pub(super) fn new(case: Case) -> Self {
        Self { case, ours: Vec::new(), theirs: Vec::new() }
    }

    /// How many operations a second, how long they took, and how long the servers worked for each.
    pub(super) fn rows(&self) -> Vec<Row> {
        let row = |what: &str, unit, better, value: &dyn Fn(&Cost) -> f64| Row {
            case: format!("{}{what}", self.case),
            unit,
            better,
            ours: self.ours.iter().map(value).collect(),
            theirs: self.theirs.iter().map(value).collect(),
        };
        vec![
            row("", "1/s", Better::Higher, &|cost| cost.measured.rate()),
            row(" p50", "µs", Better::Lower, &|cost| cost.measured.percentile(50)),
            row(" p99", "µs", Better::Lower, &|cost| cost.measured.percentile(99)),
            row(" cpu", "µs", Better::Lower, &|cost| cost.servers),
        ]
    }
}

/// The clients' own processor time for each operation in microseconds, ours and theirs: the median of each case, from
/// the least to the greatest.
pub(super) fn clients_of(results: &[Results]) -> [String; 2] {
    let median =
        |costs: &Vec<Cost>| Spread::of(&costs.iter().map(|cost| cost.clients).collect::<Vec<_>>()).median;
    let range = |costs: &dyn Fn(&Results) -> f64| {
        let Spread { least, greatest, .. } = Spread::of(&results.iter().map(costs).collect::<Vec<_>>());
        format!("{least:.1} to {greatest:.1}")
    };
    [range(&|results| median(&results.ours)), range(&|results| median(&results.theirs))]
}
