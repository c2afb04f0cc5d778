//! A cluster that does what it is told at once: one engine, one node daemon set, nodes that run whatever they get.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use berth_api::object;
use berth_api::request::{Answer, Refusal, Request, Verb};
use berth_api::{Resource, Surface};
use berth_engine::{Config, Engine, Event, Input, Output};
use berth_plan::feature_gates::Gates;
use berth_plan::time::Now;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How long after a write its event comes.
const WATCH: Duration = Duration::from_millis(3);
/// How long a pod takes to be bound.
const BIND: Duration = Duration::from_millis(15);
/// How long a bound pod takes to be ready, at least; pods differ by as much as [`SPREAD`].
const START: Duration = Duration::from_millis(800);
/// How long a pod takes to end, at least.
const END: Duration = Duration::from_millis(400);
/// By how much nodes differ.
const SPREAD: u64 = 400;

const SET: Resource = Resource::DaemonSets(Surface::Berth);

/// What something cost.
#[derive(Debug, Default)]
pub struct Cost {
    /// Watch events that came in.
    pub events: usize,
    /// Plans that were made.
    pub plans: u64,
    /// Writes, without events.
    pub writes: usize,
    /// Those of pods.
    pub pods: usize,
    /// Those of the status.
    pub status: usize,
    /// How long it took until the last write, in simulated time.
    pub took: Duration,
    /// Time that the engine took.
    pub engine: Duration,
    /// Time that it took to read the events.
    pub reading: Duration,
}

enum Happening {
    Answer(u64, Answer),
    /// An object was stored, or is gone.
    Event(Resource, Value, bool),
    Bind(String),
    Ready(String),
    Gone(String),
}

/// See the module.
pub struct Cluster {
    engine: Engine,
    clock: Duration,
    version: u64,
    order: u64,
    agenda: BTreeMap<(Duration, u64), Happening>,
    sessions: BTreeMap<Resource, u64>,
    objects: BTreeMap<(Resource, String), Value>,
    began: Duration,
    cost: Cost,
}

impl Cluster {
    /// A cluster with so many nodes, and an engine that has seen them.
    pub fn new(nodes: usize) -> Self {
        let mut cluster = Cluster {
            engine: Engine::new(Config {
                surfaces: vec![Surface::Berth],
                namespace: String::new(),
                workers: 32,
                qps: 1_000_000,
                burst: 1_000_000,
                in_flight: 1000,
                lease: None,
                component: "berth".to_owned(),
                gates: Gates::default(),
            }),
            clock: Duration::from_secs(1),
            version: 0,
            order: 0,
            agenda: BTreeMap::new(),
            sessions: BTreeMap::new(),
            objects: BTreeMap::new(),
            began: Duration::ZERO,
            cost: Cost::default(),
        };
        for node in 0..nodes {
            cluster.join(node);
        }
        cluster.agenda.clear();
        cluster.step(vec![]);
        cluster.run(Duration::from_secs(1));
        cluster
    }

    /// A node joins.
    pub fn join(&mut self, node: usize) {
        self.store(Resource::Nodes, json!({
            "metadata": { "name": name(node), "uid": name(node), "labels": { "pool": "a", "kubernetes.io/os": "linux" } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }], "images": vec!["image"; 20] },
        }));
    }

    /// The status of the set.
    #[allow(dead_code, reason = "only the test of the counts looks at it")]
    pub fn status(&self) -> Value {
        self.objects.get(&(SET, "agent".to_owned())).map(|set| set["status"].clone()).unwrap_or_default()
    }

    /// Creates or changes the set.
    pub fn apply(&mut self, image: &str, unavailable: &str) {
        let before = self.objects.get(&(SET, "agent".to_owned())).cloned().unwrap_or_default();
        let generation = before["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
        let containers: Vec<Value> = ["main", "second"]
            .iter()
            .map(|name| json!({ "name": name, "image": image, "env": vec![json!({ "name": "A", "value": "b" }); 20] }))
            .collect();
        self.store(SET, json!({
            "apiVersion": "berth.dev/v1", "kind": "NodeDaemonSet",
            "metadata": { "name": "agent", "namespace": "ns", "uid": "set", "generation": generation },
            "spec": {
                "selector": { "matchLabels": { "app": "agent" } },
                "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": unavailable } },
                "template": {
                    "metadata": { "labels": { "app": "agent" } },
                    "spec": { "nodeSelector": { "pool": "a" }, "containers": containers },
                },
            },
            "status": before.get("status").cloned().unwrap_or_else(|| json!({})),
        }));
    }

    /// A node says that it lives.
    pub fn heartbeat(&mut self, node: usize) {
        let now = self.now().wall.to_string();
        self.edit(Resource::Nodes, &name(node), |n| {
            n["status"]["conditions"][0]["lastHeartbeatTime"] = json!(now)
        });
    }

    /// A node gets a label.
    pub fn label(&mut self, node: usize, pool: &str) {
        self.edit(Resource::Nodes, &name(node), |n| n["metadata"]["labels"]["pool"] = json!(pool));
    }

    /// Something in the status of the pod of a node changes that nobody waits for.
    pub fn restart_container(&mut self, node: usize) {
        let node = name(node);
        let of_node = |(key, pod): (&(Resource, String), &Value)| {
            (key.0 == Resource::Pods && pod["spec"]["nodeName"] == node.as_str()).then(|| key.1.clone())
        };
        let Some(pod) = self.objects.iter().find_map(of_node) else { return };
        self.edit(Resource::Pods, &pod, |p| {
            p["status"]["containerStatuses"] =
                json!([{ "name": "main", "lastState": { "terminated": { "exitCode": 1 } } }]);
        });
    }

    /// Lets everything happen that happens within `time`, and tells what it has cost since the last time.
    pub fn run(&mut self, time: Duration) -> Cost {
        self.pass(time);
        self.began = self.clock;
        std::mem::take(&mut self.cost)
    }

    /// Lets everything happen that happens within `time`.
    pub fn pass(&mut self, time: Duration) {
        let until = self.clock + time;
        let before = self.engine.plans();
        loop {
            let happens = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.engine.next_wakeup().filter(|at| *at > self.clock);
            let Some(next) = [happens, wakes].into_iter().flatten().min().filter(|at| *at <= until) else {
                break;
            };
            self.clock = next;
            match self.agenda.first_entry().filter(|e| e.key().0 <= next).map(|e| e.remove()) {
                Some(happening) => self.happen(happening),
                None => self.step(vec![Input::Tick]),
            }
        }
        self.clock = until;
        self.cost.plans += self.engine.plans() - before;
    }

    fn now(&self) -> Now {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        Now { wall: start + jiff::SignedDuration::try_from(self.clock).unwrap(), mono: self.clock }
    }

    fn later(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.agenda.insert((self.clock + delay, self.order), happening);
    }

    /// Stores an object and tells of it.
    fn store(&mut self, resource: Resource, mut value: Value) -> Value {
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = value["metadata"]["name"].as_str().unwrap().to_owned();
        self.objects.insert((resource, name), value.clone());
        self.later(WATCH, Happening::Event(resource, value.clone(), false));
        value
    }

    fn edit(&mut self, resource: Resource, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(mut value) = self.objects.get(&(resource, name.to_owned())).cloned() else { return };
        change(&mut value);
        self.store(resource, value);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Answer(id, answer) => self.step(vec![Input::Answer { id, answer }]),
            Happening::Event(resource, value, gone) => {
                let Some(session) = self.sessions.get(&resource).copied() else { return };
                let json = value.to_string();
                let began = Instant::now();
                let event = if gone {
                    Event::Deleted(Box::new(object::meta(&json)))
                } else {
                    Event::Put(Box::new(object::item(resource, &json).unwrap()))
                };
                self.cost.reading += began.elapsed();
                self.cost.events += 1;
                self.step(vec![Input::Event { resource, session, event }]);
            }
            Happening::Bind(pod) => {
                let node = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
                self.edit(Resource::Pods, &pod, |p| p["spec"]["nodeName"] = p.pointer(node).unwrap().clone());
            }
            Happening::Ready(pod) => {
                let now = self.now().stamp();
                self.edit(Resource::Pods, &pod, |p| {
                    p["status"] = json!({ "phase": "Running", "conditions": [
                        { "type": "Ready", "status": "True", "lastTransitionTime": now }] });
                });
            }
            Happening::Gone(pod) => {
                let Some(mut value) = self.objects.remove(&(Resource::Pods, pod)) else { return };
                self.version += 1;
                value["metadata"]["resourceVersion"] = json!(self.version.to_string());
                self.later(WATCH, Happening::Event(Resource::Pods, value, true));
            }
        }
    }

    fn step(&mut self, inputs: Vec<Input>) {
        let now = self.now();
        let began = Instant::now();
        let outputs = self.engine.step(inputs, now);
        self.cost.engine += began.elapsed();
        for output in outputs {
            match output {
                Output::List { resource, session, .. } => {
                    let all = self.objects.iter().filter(|((r, _), _)| *r == resource);
                    let items = all.map(|(_, v)| object::item(resource, &v.to_string()).unwrap()).collect();
                    let (token, version) = (String::new(), self.version.max(1));
                    self.step(vec![Input::Page { resource, session, items, token, version }]);
                }
                Output::Watch { resource, session, .. } => drop(self.sessions.insert(resource, session)),
                Output::Send { id, request, .. } => {
                    let of = (request.object.resource, request.object.name.clone());
                    let answer = if request.verb == Verb::Get && !self.objects.contains_key(&of) {
                        Answer::Refused(Refusal {
                            code: 404,
                            reason: "NotFound".to_owned(),
                            ..Refusal::default()
                        })
                    } else {
                        Answer::Done(self.carry_out(&request))
                    };
                    self.later(Duration::from_millis(2), Happening::Answer(id, answer));
                }
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, request: &Request) -> Value {
        let (resource, name) = (request.object.resource, request.object.name.clone());
        if resource == Resource::Events || request.dry_run {
            return request.body.clone();
        }
        if request.is_write() {
            self.cost.writes += 1;
            self.cost.pods += usize::from(resource == Resource::Pods);
            self.cost.status += usize::from(request.status);
            self.cost.took = self.clock - self.began;
        }
        let delay = Duration::from_millis(self.order * 7919 % SPREAD);
        match request.verb {
            Verb::Create => {
                let mut body = request.body.clone();
                body["metadata"]["uid"] = json!(format!("uid-{}", self.version));
                if resource == Resource::Pods {
                    body["status"] = json!({ "phase": "Pending" });
                    self.later(BIND, Happening::Bind(name.clone()));
                    self.later(START + delay, Happening::Ready(name));
                }
                self.store(resource, body)
            }
            Verb::Delete => {
                let now = self.now().stamp();
                self.edit(resource, &name, |v| v["metadata"]["deletionTimestamp"] = json!(now));
                self.later(END + delay, Happening::Gone(name));
                json!({})
            }
            Verb::Patch => {
                let body = request.body.clone();
                self.edit(resource, &name, |v| {
                    for (field, value) in body["status"].as_object().into_iter().flatten() {
                        v["status"][field] = value.clone();
                    }
                });
                self.objects.get(&(resource, request.object.name.clone())).cloned().unwrap_or_default()
            }
            Verb::Get | Verb::Update => self.objects.get(&(resource, name)).cloned().unwrap_or_default(),
        }
    }
}

fn name(node: usize) -> String {
    format!("node-{node:04}.example.internal")
}
