//! The page that Prometheus reads: its text format 0.0.4, written with prometheus-client.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::histogram::Histogram;

/// What the text is, as HTTP says it.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page that is being written, family by family.
#[derive(Debug)]
pub struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

/// Writes a page.
pub fn write(
    fill: impl Fn(&mut Page<'_>) -> fmt::Result + Send + Sync + 'static,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Filled(fill)));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

struct Filled<F>(F);

impl<F> fmt::Debug for Filled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filled")
    }
}

impl<F: Fn(&mut Page<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Filled<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Page { encoder })
    }
}

impl Page<'_> {
    /// What only ever grows, without labels.
    pub fn counter(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue + Copy,
    ) -> fmt::Result {
        self.one(name, help, MetricType::Counter, &value)
    }

    /// What only ever grows, by labels.
    pub fn counters<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.all(name, help, MetricType::Counter, values)
    }

    /// How something stands, without labels.
    pub fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue + Copy,
    ) -> fmt::Result {
        self.one(name, help, MetricType::Gauge, &value)
    }

    /// How something stands, where it does.
    pub fn gauge_if(
        &mut self,
        name: &str,
        help: &str,
        value: Option<impl EncodeGaugeValue>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| family.encode_gauge(&value))
    }

    /// How something stands, by labels.
    pub fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        self.all(name, help, MetricType::Gauge, values)
    }

    /// How long something took.
    pub fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) -> fmt::Result {
        let to = self.family(name, help, MetricType::Histogram)?;
        buckets(to, histogram)
    }

    /// How long something took, by labels.
    pub fn histograms<'h, L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        histograms: impl IntoIterator<Item = (L, &'h Histogram)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Histogram)?;
        for (labels, histogram) in histograms {
            buckets(family.encode_family(&labels)?, histogram)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        value: &impl EncodeGaugeValue,
    ) -> fmt::Result {
        // A counter too: as one the library would write OpenMetrics, in which the family's name lacks the `_total`.
        self.family(name, help, kind)?.encode_gauge(value)
    }

    fn all<L: EncodeLabelSet, V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        values: impl IntoIterator<Item = (L, V)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help, kind)?;
        for (labels, value) in values {
            family.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.encoder.encode_descriptor(name, help, None, kind)
    }
}

fn buckets(mut to: MetricEncoder<'_>, histogram: &Histogram) -> fmt::Result {
    let buckets = histogram.buckets();
    // From the same look: a count that grew meanwhile would not be that of the buckets.
    let count = buckets.iter().map(|(_, count)| count).sum();
    to.encode_histogram::<NoLabelSet>(histogram.sum(), count, &buckets, None)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_page_is_as_prometheus_reads_it() {
        let text = write(|page| {
            page.counter("x_things_total", "Things.", 3_u64)?;
            page.gauges(
                "x_heat_celsius",
                "Heat.",
                [([("room", "a")], 1.5), ([("room", "b")], 2.0)],
            )?;
            let took = Histogram::of_work();
            took.observe(Duration::from_millis(2));
            page.histograms("x_took_seconds", "Took.", [([("what", "it")], &took)])
        })
        .unwrap();
        for line in [
            "# HELP x_things_total Things.",
            "# TYPE x_things_total counter",
            "x_things_total 3",
            "# TYPE x_heat_celsius gauge",
            "x_heat_celsius{room=\"a\"} 1.5",
            "x_heat_celsius{room=\"b\"} 2.0",
            "# TYPE x_took_seconds histogram",
            "x_took_seconds_bucket{le=\"0.001\",what=\"it\"} 0",
            "x_took_seconds_bucket{le=\"0.0025\",what=\"it\"} 1",
            "x_took_seconds_bucket{le=\"+Inf\",what=\"it\"} 1",
            "x_took_seconds_sum{what=\"it\"} 0.002",
            "x_took_seconds_count{what=\"it\"} 1",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} in\n{text}");
        }
    }
}
