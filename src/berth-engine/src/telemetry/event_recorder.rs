//! Kubernetes events about owners: few, with a budget of their own, and never in the way of work.
//!
//! An owner has 25 events at once and one more every five minutes, as client-go has. What repeats counts up one event.

use std::collections::BTreeMap;
use std::time::Duration;

use berth_api::request::Request;
use berth_api::{Key, ObjectRef, Resource, Uid};
use berth_plan::notice::{Event, Severity};
use berth_plan::time::Now;
use serde_json::json;

/// Events an owner may have at once.
const BURST: f64 = 25.0;
/// Seconds until one more is allowed.
const SECONDS_PER_EVENT: f64 = 300.0;
/// How long a repeated event counts up the earlier one.
const SERIES: Duration = Duration::from_secs(3600);
/// How many events are remembered at most.
const REMEMBERED: usize = 4096;

#[derive(Clone, Debug)]
struct Sent {
    name: String,
    count: u32,
    at: Duration,
}

type Topic = (Uid, Severity, &'static str, String);

/// What was told lately.
#[derive(Clone, Debug, Default)]
pub struct Book {
    component: String,
    budgets: BTreeMap<Uid, (f64, Duration)>,
    sent: BTreeMap<Topic, Sent>,
    counter: u64,
}

impl Book {
    /// A book of events that come from `component`.
    pub fn new(component: &str) -> Self {
        Book { component: component.to_owned(), ..Book::default() }
    }

    /// The request that tells `event`, or `None` when the owner has used up its budget.
    pub fn tell(&mut self, key: &Key, uid: &Uid, event: Event, now: Now) -> Option<Request> {
        self.sent.retain(|_, sent| now.mono.saturating_sub(sent.at) < SERIES);
        let (tokens, filled) = self.budgets.entry(uid.clone()).or_insert((BURST, now.mono));
        *tokens += now.mono.saturating_sub(*filled).as_secs_f64() / SECONDS_PER_EVENT;
        (*tokens, *filled) = (tokens.min(BURST), now.mono);
        if *tokens < 1.0 {
            return None;
        }
        *tokens -= 1.0;
        let stamp = now.stamp();
        let object = |name: &str| ObjectRef::new(Resource::Events, &key.namespace, name);
        let topic: Topic = (uid.clone(), event.severity, event.reason, event.message.clone());
        if let Some(sent) = self.sent.get_mut(&topic) {
            sent.count += 1;
            sent.at = now.mono;
            let body = json!({ "count": sent.count, "lastTimestamp": stamp });
            return Some(Request::patch(object(&sent.name), body));
        }
        self.counter += 1;
        let suffix = format!(".{:x}{:x}", now.wall.as_nanosecond(), self.counter);
        let name = key.derived_name(&suffix);
        let owner = key.resource();
        let mut body = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": name, "namespace": key.namespace },
            "involvedObject": {
                "apiVersion": owner.api_version(), "kind": owner.kind(),
                "namespace": key.namespace, "name": key.name, "uid": uid,
            },
            "type": format!("{:?}", event.severity), "reason": event.reason, "message": event.message,
            "source": { "component": self.component }, "reportingComponent": self.component, "reportingInstance": "",
            "firstTimestamp": stamp, "lastTimestamp": stamp, "count": 1,
        });
        if let Some(related) = &event.related {
            body["related"] = json!({
                "apiVersion": related.resource.api_version(), "kind": related.resource.kind(),
                "namespace": related.namespace, "name": related.name,
            });
        }
        if self.sent.len() < REMEMBERED {
            self.sent.insert(topic, Sent { name: name.clone(), count: 1, at: now.mono });
        }
        Some(Request::create(object(&name), body))
    }

    /// Takes in that the event which was to be counted up is not there any more.
    pub fn lost(&mut self, uid: &Uid, event: &Event) {
        self.sent.remove(&(uid.clone(), event.severity, event.reason, event.message.clone()));
    }

    /// Forgets an owner that is gone.
    pub fn forget(&mut self, uid: &Uid) {
        self.budgets.remove(uid);
        self.sent.retain(|topic, _| &topic.0 != uid);
    }
}
