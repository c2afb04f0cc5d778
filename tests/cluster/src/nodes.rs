//! Simulated nodes.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::{Cluster, Result};

impl Cluster {
    /// Adds a simulated node (32 CPUs, 256 GiB, 110 pods) with the labels that a kubelet sets, and those given. KWOK makes it Ready
    /// in about a second; this does not wait for it.
    pub fn add_node(&self, name: &str, labels: &[(&str, &str)]) -> Result<()> {
        self.add_nodes(&[name.to_owned()], labels)
    }

    /// Adds several simulated nodes at once: see [`Cluster::add_node`].
    pub fn add_nodes(&self, names: &[String], labels: &[(&str, &str)]) -> Result<()> {
        let items: Vec<Value> = names.iter().map(|name| self.node(name, labels)).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        self.kubectl_stdin(&["create", "-f", "-"], &list.to_string())?;
        Ok(())
    }

    /// Removes a node. Its pods go as on a real cluster: the pod garbage collector finds them.
    pub fn remove_node(&self, name: &str) -> Result<()> {
        self.kubectl(&["delete", "node", name])?;
        Ok(())
    }

    /// Makes a simulated node Ready, or not Ready as if its kubelet had reported a problem. Does not wait for it.
    pub fn set_node_ready(&self, name: &str, ready: bool) -> Result<()> {
        let annotation = if ready { "sim.berth.dev/behaviour-" } else { "sim.berth.dev/behaviour=not-ready" };
        self.kubectl(&["annotate", "--overwrite", "node", name, annotation])?;
        Ok(())
    }

    /// Waits until all the named nodes are Ready.
    pub fn wait_nodes_ready(&self, names: &[String], timeout: Duration) -> Result<()> {
        const STATUS: &str = r#"jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
        let what = format!("{} node(s) to be Ready", names.len());
        self.poll(&what, timeout, |cluster| {
            let ready = cluster.kubectl(&["get", "nodes", "--output", STATUS])?;
            let ready: BTreeSet<&str> = ready.lines().filter_map(|line| line.strip_suffix(" True")).collect();
            let missing: Vec<&str> =
                names.iter().map(String::as_str).filter(|name| !ready.contains(name)).collect();
            Ok(missing
                .first()
                .map_or(Ok(()), |first| Err(format!("{} not Ready, among them {first}", missing.len()))))
        })
    }

    fn node(&self, name: &str, extra: &[(&str, &str)]) -> Value {
        let mut labels = Map::new();
        let own = [
            ("type", "kwok"),
            ("kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("kubernetes.io/hostname", name),
        ];
        for (key, value) in own.iter().chain(extra) {
            labels.insert((*key).to_owned(), json!(value));
        }
        let resources = json!({"cpu": "32", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"});
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {
                "allocatable": resources,
                "capacity": resources,
                "addresses": [
                    {"type": "InternalIP", "address": address(self.next_node.fetch_add(1, Ordering::Relaxed))},
                    {"type": "Hostname", "address": name},
                ],
            },
        })
    }
}

/// An address of its own for each node, from the range that is reserved for benchmarks (198.18.0.0/15).
fn address(number: u32) -> String {
    let bytes = (number % (1 << 17)).to_be_bytes();
    format!("198.{}.{}.{}", 18 + bytes[1], bytes[2], bytes[3])
}
