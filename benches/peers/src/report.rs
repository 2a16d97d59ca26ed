//! What a comparison has found, as a table and as lines of ratios.

use std::io::{self, Write};

use serde::Serialize;

/// Which way a unit is better.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// More is better, as of commits a second.
    Higher,
    /// Less is better, as of nanoseconds.
    Lower,
}

/// What was measured of one case.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Row {
    /// Its name: words such as `batch=16`, by which it can be selected.
    pub case: String,
    /// What the values are, such as `ns/entry`.
    pub unit: &'static str,
    /// Which way they are better.
    pub better: Better,
    /// Ours, one for each round.
    pub ours: Vec<f64>,
    /// The peer's, one for each round, in the same order.
    pub theirs: Vec<f64>,
}

/// All that was measured beside one peer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Comparison {
    /// As in [`crate::COMPARISONS`].
    pub name: &'static str,
    /// Who the peer is, with the version.
    pub peer: String,
    /// What was measured.
    pub rows: Vec<Row>,
    /// What the rows do not say: absolute latencies, seeds, limits of the machine. One line each.
    pub notes: Vec<String>,
}

/// The middle of some values, and from where to where they go.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spread {
    /// The median: the upper of the two in the middle, if there are two. Not a number if there are no values.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Row {
    /// A case of which nothing was measured yet.
    #[must_use]
    pub fn new(case: String, unit: &'static str, better: Better) -> Self {
        Self { case, unit, better, ours: Vec::new(), theirs: Vec::new() }
    }

    /// How many times better ours is, in each round by itself; above 1 where ours is better.
    #[must_use]
    pub fn ratios(&self) -> Vec<f64> {
        let rounds = self.ours.iter().zip(&self.theirs);
        let ratio = |(ours, theirs): (&f64, &f64)| match self.better {
            Better::Higher => ours / theirs,
            Better::Lower => theirs / ours,
        };
        rounds.map(ratio).collect()
    }

    /// The ratios' middle and range.
    #[must_use]
    pub fn ratio(&self) -> Spread {
        Spread::of(&self.ratios())
    }
}

impl Comparison {
    /// Writes the table and the notes.
    ///
    /// # Errors
    /// Of `output`.
    pub fn write_table(&self, output: &mut impl Write) -> io::Result<()> {
        writeln!(output, "{} beside {}; median (least–greatest)", self.name, self.peer)?;
        let width = self.rows.iter().map(|row| row.case.chars().count()).max().unwrap_or(0).max(24);
        writeln!(output, "{:<width$} {:>26} {:>26} {:>18}  unit", "case", "quorate", "peer", "ratio")?;
        for row in &self.rows {
            let [ours, theirs] = [&row.ours, &row.theirs].map(|values| Spread::of(values).to_string());
            let ratio = row.ratio().with_decimals(2);
            writeln!(output, "{:<width$} {ours:>26} {theirs:>26} {ratio:>18}  {}", row.case, row.unit)?;
        }
        for note in &self.notes {
            writeln!(output, "  {note}")?;
        }
        Ok(())
    }

    /// Writes a line for each ratio, for programs and for whoever looks for a number.
    ///
    /// # Errors
    /// Of `output`.
    pub fn write_ratios(&self, output: &mut impl Write) -> io::Result<()> {
        for row in &self.rows {
            writeln!(output, "ratio {} {}: {:.2}", self.name, row.case, row.ratio().median)?;
        }
        Ok(())
    }
}

impl Spread {
    /// Of these values.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |position: usize| sorted.get(position).copied().unwrap_or(f64::NAN);
        Self { median: at(sorted.len() / 2), least: at(0), greatest: at(sorted.len().saturating_sub(1)) }
    }

    fn with_decimals(self, decimals: usize) -> String {
        let Self { median, least, greatest } = self;
        if least >= greatest {
            return format!("{median:.decimals$}");
        }
        format!("{median:.decimals$} ({least:.decimals$}–{greatest:.decimals$})")
    }
}

/// With about three digits.
impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = match self.median {
            median if median < 10.0 => 2,
            median if median < 100.0 => 1,
            _ => 0,
        };
        f.pad(&self.with_decimals(decimals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better, ours: &[f64], theirs: &[f64]) -> Row {
        Row { ours: ours.to_vec(), theirs: theirs.to_vec(), ..Row::new("a case".to_owned(), "units", better) }
    }

    #[test]
    fn a_ratio_is_above_1_where_ours_is_better() {
        assert_eq!(row(Better::Lower, &[2.0], &[6.0]).ratios(), [3.0]);
        assert_eq!(row(Better::Higher, &[6.0], &[2.0]).ratios(), [3.0]);
        assert_eq!(row(Better::Higher, &[2.0], &[4.0]).ratios(), [0.5]);
    }

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        // The machine was three times as slow in the second round.
        let ratio = row(Better::Lower, &[1.0, 3.0, 1.0], &[2.0, 6.0, 2.0]).ratio();
        assert_eq!(ratio, Spread { median: 2.0, least: 2.0, greatest: 2.0 });
    }

    #[test]
    fn a_spread_is_told_with_the_digits_that_mean_something() {
        assert_eq!(Spread::of(&[5.0, 1.0, 3.0]).to_string(), "3.00 (1.00–5.00)");
        assert_eq!(Spread::of(&[1_234.5]).to_string(), "1234");
        assert_eq!(Spread::of(&[]).to_string(), "NaN (NaN–NaN)");
    }
}
