//! The figures of the engine as metrics.

use std::fmt::Error;
use std::time::Duration;

use berth_api::Resource;
use berth_engine::telemetry::counters::{BOUNDS, Spread};
use berth_engine::telemetry::snapshot::{Figures, SetFigures};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// A figure of a set.
type OfSet = fn(&SetFigures) -> i64;
/// A figure of a set that upstream has too, from the set and its greatest number of unavailable pods.
type Upstream = fn(&SetFigures, i64) -> i64;

/// The figures of one moment.
#[derive(Debug)]
pub struct Rendered(pub Figures);

/// Labels of one value.
type Labels<'a> = Vec<(&'static str, &'a str)>;

impl Collector for Rendered {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut page = Page { encoder };
        self.work(&mut page)?;
        self.caches(&mut page)?;
        self.sets(&mut page)?;
        self.upstream(&mut page)
    }
}

impl Rendered {
    fn work(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let Rendered(figures) = self;
        let tally = &figures.tally;
        let rounds = tally.rounds.iter().map(|((owner, outcome), count)| {
            (vec![("kind", owner.kind()), ("outcome", outcome.word())], *count)
        });
        page.counters("berth_reconciles", "How often owners were worked on, and how it ended", rounds)?;
        let text = "Seconds from a plan to the answer to its last request, for plans that wrote";
        let writing = tally.writing.iter().map(|(owner, spread)| (vec![("kind", owner.kind())], spread));
        page.spreads("berth_reconcile_duration_seconds", text, writing)?;
        let queued = [(vec![], &tally.queued)];
        page.spreads("berth_queue_wait_seconds", "Seconds that owners waited for a worker", queued)?;
        page.gauge("berth_queue_depth", "Owners that wait for a worker", count(figures.queued))?;
        let text = "Seconds that the next owner in the queue has waited for a worker";
        page.gauge("berth_queue_oldest_seconds", text, seconds(figures.oldest))?;
        page.gauge("berth_queue_delayed", "Owners that wait for a time to come", count(figures.delayed))?;
        page.gauge("berth_workers_busy", "Owners that are worked on", count(figures.running))?;
        let text = "Writes of ours that the caches do not show yet";
        page.gauge("berth_pending_writes", text, count(figures.pending))?;
        let text = "1 while this process leads, or runs without a lease";
        page.gauge("berth_leader", text, if figures.leads { 1.0 } else { 0.0 })?;
        let led = [(vec![], tally.led)];
        page.counters("berth_leader_acquired", "How often this process began to lead", led)
    }

    fn caches(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let Rendered(figures) = self;
        let names: Vec<(Resource, String)> =
            figures.caches.keys().map(|resource| (*resource, resource.to_string())).collect();
        let named = || names.iter().map(|(resource, name)| (*resource, vec![("resource", name.as_str())]));
        let cache = |resource: &Resource| figures.caches.get(resource).copied().unwrap_or_default();
        let objects = named().map(|(resource, labels)| (labels, count(cache(&resource).objects)));
        page.gauges("berth_cache_objects", "Objects in a cache", objects)?;
        let text = "Seconds since the API server was heard of: an object, a list, or a bookmark, which comes every minute";
        let silent = named().filter_map(|(r, labels)| Some((labels, seconds(cache(&r).silent?))));
        page.gauges("berth_cache_lag_seconds", text, silent)?;
        let tally = &figures.tally;
        for (name, text, counts) in [
            ("berth_lists", "How often a resource was listed whole", &tally.lists),
            ("berth_watches", "How often a watch was begun", &tally.watches),
            ("berth_watch_events", "Objects that watches have reported", &tally.events),
        ] {
            let values = named().map(|(r, labels)| (labels, counts.get(&r).copied().unwrap_or(0)));
            page.counters(name, text, values)?;
        }
        Ok(())
    }

    fn sets(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let Rendered(figures) = self;
        let owners = figures.owners.iter().map(|(owner, n)| (vec![("kind", owner.kind())], count(*n)));
        page.gauges("berth_sets", "Sets that there are", owners)?;
        let values: [(&str, &str, OfSet); 5] = [
            ("berth_set_desired", "Pods that a set should have", |set| set.desired),
            ("berth_set_ready", "Pods of a set that are ready", |set| set.ready),
            ("berth_set_available", "Pods of a set that are available", |set| set.available),
            ("berth_set_updated", "Pods of a set that have its present template", |set| set.updated),
            (
                "berth_set_stalled",
                "1 while something is in the way that does not clear up by itself",
                |set| set.stalled,
            ),
        ];
        for (name, text, value) in values {
            let sets = figures.sets.iter().map(|set| {
                let kind = set.resource.kind();
                // Prometheus would otherwise take the place of these with the namespace and the name of our own pod.
                let labels = vec![
                    ("kind", kind),
                    ("set_namespace", set.namespace.as_str()),
                    ("set", set.name.as_str()),
                ];
                (labels, value(set) as f64)
            });
            page.gauges(name, text, sets)?;
        }
        Ok(())
    }

    /// The names that kube-controller-manager has for the same (A11.10).
    fn upstream(&self, page: &mut Page<'_>) -> Result<(), Error> {
        let Rendered(figures) = self;
        let labelled = |set: &SetFigures| set.upstream.is_some();
        if !figures.sets.iter().any(labelled) {
            return Ok(());
        }
        let prefix = "statefulset_controller_statefulset";
        let values: [(&str, &str, Upstream); 2] = [
            ("max_unavailable", "Pods that may be unavailable during a rolling update", |_, most| most),
            ("unavailable_replicas", "Pods that are not available", |set, _| set.desired - set.available),
        ];
        for (name, text, value) in values {
            let sets = figures.sets.iter().filter_map(|set| {
                let (policy, most) = set.upstream?;
                let labels = vec![
                    ("statefulset_namespace", set.namespace.as_str()),
                    ("statefulset_name", set.name.as_str()),
                    ("pod_management_policy", policy),
                ];
                Some((labels, value(set, most).max(0) as f64))
            });
            page.gauges(&format!("{prefix}_{name}"), text, sets)?;
        }
        Ok(())
    }
}

/// Writes families of values.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn gauge(&mut self, name: &str, text: &str, value: f64) -> Result<(), Error> {
        self.gauges(name, text, [(vec![], value)])
    }

    fn gauges<'a>(
        &mut self,
        name: &str,
        text: &str,
        values: impl IntoIterator<Item = (Labels<'a>, f64)>,
    ) -> Result<(), Error> {
        let mut family = self.encoder.encode_descriptor(name, text, None, MetricType::Gauge)?;
        for (labels, value) in values {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn counters<'a>(
        &mut self,
        name: &str,
        text: &str,
        values: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) -> Result<(), Error> {
        let mut family = self.encoder.encode_descriptor(name, text, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn spreads<'a>(
        &mut self,
        name: &str,
        text: &str,
        values: impl IntoIterator<Item = (Labels<'a>, &'a Spread)>,
    ) -> Result<(), Error> {
        let mut family = self.encoder.encode_descriptor(name, text, None, MetricType::Histogram)?;
        for (labels, spread) in values {
            let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
            let parts: Vec<(f64, u64)> = bounds.zip(spread.parts).collect();
            let mut one = family.encode_family(&labels)?;
            one.encode_histogram::<NoLabelSet>(spread.sum, spread.count(), &parts, None)?;
        }
        Ok(())
    }
}

fn count(n: usize) -> f64 {
    n as f64
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
