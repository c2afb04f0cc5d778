//! `/metrics`: what the shell counts itself, and the figures of the engine, as OpenMetrics text.

use std::fmt::Write;
use std::time::Duration;

use berth_api::request::{Answer, Request, Verb};
use berth_engine::telemetry::counters::BOUNDS;
use berth_engine::telemetry::snapshot::Figures;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::operator::engine_metrics::Rendered;

/// The content type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What a request was, and what came of it. There are as many of these as there are kinds of writes and status codes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
    resource: &'static str,
    subresource: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    verb: &'static str,
    resource: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

/// See the module.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    latency: Family<Timed, Histogram>,
    steps: Histogram,
}

fn histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("berth");
        let requests = Family::default();
        let latency = Family::new_with_constructor(histogram as fn() -> Histogram);
        let steps = histogram();
        let build = prometheus_client::metrics::info::Info::new(Build { version: crate::VERSION });
        registry.register("build", "The version of this build", build);
        let text =
            "Requests to the API server, by status code (2xx for what was done, none when no answer came)";
        registry.register("requests", text, requests.clone());
        let text = "Seconds from a request to its answer, waits for the client's own limit not included";
        registry.register("request_duration_seconds", text, latency.clone());
        let text = "Seconds for which the engine took in events and planned, without a request";
        registry.register("step_duration_seconds", text, steps.clone());
        Metrics { registry, requests, latency, steps }
    }
}

impl Metrics {
    /// Counts a request and its answer.
    pub fn answered(&self, request: &Request, answer: &Answer, took: Duration) {
        let (verb, resource) = (verb(request), request.object.resource.plural());
        let code = match answer {
            Answer::Done(_) => "2xx".to_owned(),
            Answer::Refused(refusal) => refusal.code.to_string(),
            Answer::Unknown(_) => "none".to_owned(),
        };
        let subresource = if request.status { "status" } else { "" };
        self.requests.get_or_create(&Asked { verb, resource, subresource, code }).inc();
        self.latency.get_or_create(&Timed { verb, resource }).observe(took.as_secs_f64());
    }

    /// Takes in how long the engine took for a step.
    pub fn stepped(&self, took: Duration) {
        self.steps.observe(took.as_secs_f64());
    }

    /// Everything as text.
    ///
    /// # Errors
    /// When the text cannot be made, which is a defect.
    pub fn render(&self, figures: Figures) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Rendered(figures)));
        text::encode_registry(&mut out, &registry)?;
        out.write_str("# EOF\n")?;
        Ok(out)
    }
}

fn verb(request: &Request) -> &'static str {
    match request.verb {
        Verb::Get => "get",
        Verb::Create if request.dry_run => "dry-run",
        Verb::Create => "create",
        Verb::Patch => "patch",
        Verb::Update => "update",
        Verb::Delete => "delete",
    }
}
