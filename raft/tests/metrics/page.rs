//! A page of metrics, taken apart as a reader does.

use std::fmt;

/// A page of one node.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) metrics: Vec<Metric>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: String,
    value: f64,
}

/// What is told of a metric: a row of the documentation.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Metric {
    name: String,
    kind: String,
    /// The label that tells its samples apart, if one does.
    label: Option<String>,
    help: String,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self { metrics: Vec::new(), samples: Vec::new() };
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(line) = line.strip_prefix("# HELP ") {
                let (name, help) = line.split_once(' ').unwrap();
                let [name, help] = [name, help].map(str::to_owned);
                page.metrics.push(Metric { name, kind: String::new(), label: None, help });
            } else if let Some(line) = line.strip_prefix("# TYPE ") {
                let metric = page.metrics.last_mut().unwrap();
                metric.kind = line.split_once(' ').unwrap().1.to_owned();
                // The name of a counter is told without what its samples have.
                metric.name += if metric.kind == "counter" { "_total" } else { "" };
            } else {
                page.add_sample(line);
            }
        }
        page
    }

    fn add_sample(&mut self, line: &str) {
        let (name, rest) = line.split_once('{').unwrap();
        let (labels, value) = rest.split_once("} ").unwrap();
        let labels = labels.split(',').filter(|label| !label.starts_with("node="));
        let labels: Vec<_> = labels.filter(|label| !label.starts_with("le=")).collect();
        if let Some(label) = labels.first() {
            self.metrics.last_mut().unwrap().label = Some(label.split_once('=').unwrap().0.to_owned());
        }
        let (name, labels) = (name.to_owned(), labels.join(","));
        self.samples.push(Sample { name, labels, value: value.parse().unwrap() });
    }

    /// The value of the first sample with this name and these labels, without those that all have.
    pub(crate) fn value(&self, name: &str, labels: &str) -> Option<f64> {
        let is_it = |sample: &&Sample| sample.name == name && sample.labels == labels;
        self.samples.iter().find(is_it).map(|sample| sample.value)
    }

    /// The values of all samples with this name, from top to bottom.
    pub(crate) fn all(&self, name: &str) -> Vec<f64> {
        self.samples.iter().filter(|sample| sample.name == name).map(|sample| sample.value).collect()
    }
}

impl Metric {
    /// The rows of a table in Markdown, as [`Display`](fmt::Display) writes them.
    pub(crate) fn of_table(text: &str) -> Vec<Self> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `quorate_"));
        rows.map(|row| {
            let cells: Vec<_> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
            let [name, kind, label, help] = cells[..] else { panic!("four cells: {row}") };
            let name = format!("quorate_{}", name.trim_end_matches('`'));
            let label = Some(label.trim_matches('`').to_owned()).filter(|label| !label.is_empty());
            Self { name, kind: kind.to_owned(), label, help: help.to_owned() }
        })
        .collect()
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_ref().map(|label| format!("`{label}`")).unwrap_or_default();
        write!(f, "| `{}` | {} | {label} | {} |", self.name, self.kind, self.help)
    }
}
