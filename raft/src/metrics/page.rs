//! Writing metrics, in the format of OpenMetrics.

use std::{
    fmt::{self, Display},
    time::Duration,
};

use prometheus_client::{
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::Histogram;

/// What has metrics to show. It is asked whenever a page of them is rendered.
pub trait MetricSource: Send + Sync + 'static {
    /// Writes them down. Names begin with `quorate_`, or with that of your program, and end with the unit, if there is
    /// one; each stands on a page once.
    fn describe(&self, page: &mut Page<'_>);
}

/// A page of metrics in the making. All that is written on it has the label `node` as well.
pub struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
    result: fmt::Result,
}

impl<'a> Page<'a> {
    pub(super) fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self { encoder, result: Ok(()) }
    }

    /// How often something has happened. `_total` is put behind the name.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.write(name, help, MetricType::Counter, |metric| encode_counter(metric, value));
    }

    /// How often it has happened, for each value of a label.
    pub fn counters<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.write_each(name, help, MetricType::Counter, label, values, encode_counter);
    }

    /// How much there is of something now.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.write(name, help, MetricType::Gauge, |metric| metric.encode_gauge(&value));
    }

    /// How much there is of it, for each value of a label.
    pub fn gauges<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        let encode = |metric: &mut MetricEncoder<'_>, value| metric.encode_gauge(&value);
        self.write_each(name, help, MetricType::Gauge, label, values, encode);
    }

    /// How long something takes now, for each value of a label. Shown in seconds.
    pub fn durations<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, Duration)>,
    ) {
        let encode =
            |metric: &mut MetricEncoder<'_>, value: Duration| metric.encode_gauge(&value.as_secs_f64());
        self.write_each(name, help, MetricType::Gauge, label, values, encode);
    }

    /// How large something was, each time.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.write(name, help, MetricType::Histogram, |metric| histogram.encode(metric));
    }

    /// How large it was, for each value of a label.
    pub fn histograms<'h, L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, &'h Histogram)>,
    ) {
        let encode = |metric: &mut MetricEncoder<'_>, histogram: &Histogram| histogram.encode(metric);
        self.write_each(name, help, MetricType::Histogram, label, values, encode);
    }

    /// What became of all that was written.
    pub(super) fn finish(self) -> fmt::Result {
        self.result
    }

    fn write_each<L: Display, V>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        label: &str,
        values: impl IntoIterator<Item = (L, V)>,
        encode: impl Fn(&mut MetricEncoder<'_>, V) -> fmt::Result,
    ) {
        self.write(name, help, kind, |metric| {
            values.into_iter().try_for_each(|(of, value)| {
                encode(&mut metric.encode_family(&[(label, of.to_string())])?, value)
            })
        });
    }

    /// After a failure nothing more is written.
    fn write(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) {
        if self.result.is_ok() {
            let metric = self.encoder.encode_descriptor(name, help, None, kind);
            self.result = metric.and_then(|mut metric| encode(&mut metric));
        }
    }
}

fn encode_counter(metric: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, u64, f64>(&value, None)
}
