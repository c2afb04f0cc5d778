//! Steps about node daemons.

use std::time::Duration;

use jiff::SignedDuration;

use super::rollout::set_image;
use super::{Lesson, Look, only_if};
use crate::error::Result;
use crate::place::Place;
use crate::world::{Node, Pod, World};

/// `minReadySeconds` and `maxUnavailable` of examples/log-agent.yaml.
const MIN_READY: SignedDuration = SignedDuration::from_secs(5);
const MAX_UNAVAILABLE: usize = 2;
const NEXT_IMAGE: &str = "docker.io/fluent/fluent-bit:4.0.3";
/// How many nodes get the label.
const LABELLED: usize = 4;
const TAINT: &str = "example.com/repair";

const EXPORTER: &str = "node-exporter";
const AGENT: &str = "log-agent";

pub(super) fn on_node<'a>(world: &'a World, set: &'a str, node: &'a str) -> impl Iterator<Item = &'a Pod> {
    world.pods_of(set).filter(move |pod| pod.node == node)
}

/// The nodes that carry the label of the log agent.
fn labelled_nodes(world: &World) -> Vec<&str> {
    let labelled = |node: &Node| node.labels.get("logging").is_some_and(|value| value == "enabled");
    world.nodes.iter().filter(|(_, node)| labelled(node)).map(|(name, _)| name.as_str()).collect()
}

/// Exactly one pod of the set, Ready, on each of the nodes, none elsewhere, and the status names their number.
pub(super) fn covers(world: &World, set: &str, nodes: &[&str]) -> Look {
    for node in nodes {
        let mut pods = on_node(world, set, node);
        match (pods.next(), pods.next()) {
            (Some(pod), None) if pod.ready() => {}
            (Some(pod), None) => return Look::NotYet(format!("{set} on {node} is {}", pod.state)),
            (None, _) => return Look::NotYet(format!("{node} has no {set}")),
            _ => return Look::NotYet(format!("{node} has more than one {set}")),
        }
    }
    if let Some(pod) = world.pods_of(set).find(|pod| !nodes.contains(&pod.node.as_str())) {
        return Look::NotYet(format!("{} is on {:?}", pod.name, pod.node));
    }
    let count = i64::try_from(nodes.len());
    let status = world.sets.get(set).is_some_and(|set| set.observed && Ok(set.desired) == count);
    Look::at(status, || format!("the status of {set} does not yet say {} wanted", nodes.len()))
}

fn names(world: &World) -> Vec<&str> {
    world.nodes.keys().map(String::as_str).collect()
}

/// Nodes that may get the label: Ready, free of taints, and without a label of that name from somebody else.
fn candidates(world: &World) -> Vec<String> {
    let fit = |node: &Node| node.ready && node.taints.is_empty() && !node.labels.contains_key("logging");
    world.nodes.iter().filter(|(_, node)| fit(node)).map(|(name, _)| name.clone()).take(LABELLED).collect()
}

pub(super) fn land(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.type_(&["apply", "-f", "examples/node-exporter.yaml"])?;
    lesson.until("node-exporter is on all nodes, one pod each", |world| {
        covers(world, EXPORTER, &names(world))
    })?;
    lesson.type_(&["apply", "-f", "examples/log-agent.yaml"])?;
    let before: Vec<String> = labelled_nodes(&lesson.world).into_iter().map(str::to_owned).collect();
    let none = only_if(before.is_empty(), || format!("logging=enabled is in use on {}", before.join(", ")));
    lesson.holds("no node has the label yet", none)?;
    lesson.until("log-agent wants no node and has no pod", |world| covers(world, AGENT, &[]))?;
    let nodes = candidates(&lesson.world);
    lesson.holds(
        "there are nodes for it",
        only_if(!nodes.is_empty(), || "all are tainted or not Ready".to_owned()),
    )?;
    let mut arguments = vec!["label", "node"];
    arguments.extend(nodes.iter().map(String::as_str));
    arguments.push("logging=enabled");
    lesson.type_(&arguments)?;
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    lesson.until("log-agent is on the labelled nodes, and on no others", |world| covers(world, AGENT, &nodes))
}

pub(super) fn joins(lesson: &mut Lesson<'_>) -> Result<()> {
    let node = format!("node-{}", crate::setup::NODES);
    if let Place::Local(cluster) = lesson.place {
        lesson.tell(&format!("({node} registers, as a kubelet does when its machine starts)"));
        cluster.add_node(&node, &[])?;
    }
    let what = format!("{node} has a node-exporter of its own, and so have all others");
    lesson.until(&what, |world| match world.nodes.contains_key(&node) {
        true => covers(world, EXPORTER, &names(world)),
        false => Look::NotYet(format!("{node} is not there")),
    })?;
    let none = only_if(on_node(&lesson.world, AGENT, &node).next().is_none(), || "it has one".to_owned());
    lesson.holds("it has no log-agent: it lacks the label", none)
}

pub(super) fn tainted(lesson: &mut Lesson<'_>) -> Result<()> {
    let all: Vec<String> = labelled_nodes(&lesson.world).into_iter().map(str::to_owned).collect();
    let node = all.get(1).cloned().unwrap_or_default();
    let rest: Vec<&str> = all.iter().map(String::as_str).filter(|name| *name != node).collect();
    let exporter = on_node(&lesson.world, EXPORTER, &node).next().map(|pod| pod.uid.clone());
    lesson.type_(&["taint", "node", &node, &format!("{TAINT}=now:NoExecute")])?;
    lesson.until(&format!("log-agent has left {node}"), |world| covers(world, AGENT, &rest))?;
    lesson.still("it is not made again while the taint is there", Duration::from_secs(1), |world| {
        only_if(on_node(world, AGENT, &node).next().is_none(), || "it was".to_owned())
    })?;
    let stays = on_node(&lesson.world, EXPORTER, &node).next().map(|pod| pod.uid.clone()) == exporter;
    lesson.holds(
        "node-exporter, which tolerates it, is the same pod as before",
        only_if(stays, || "it is not".to_owned()),
    )?;
    lesson.type_(&["taint", "node", &node, &format!("{TAINT}-")])?;
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    lesson
        .until(&format!("without the taint, log-agent is back on {node}"), |world| covers(world, AGENT, &all))
}

/// How many of the nodes are without a pod that has been Ready for long enough.
fn without_available_pod(world: &World, nodes: &[String]) -> usize {
    let now = world.now;
    let available = |pod: &Pod| {
        !pod.terminating && pod.ready_since.is_some_and(|since| now.duration_since(since) >= MIN_READY)
    };
    nodes.iter().filter(|node| !on_node(world, AGENT, node).any(available)).count()
}

pub(super) fn rolls(lesson: &mut Lesson<'_>) -> Result<()> {
    let nodes: Vec<String> = labelled_nodes(&lesson.world).into_iter().map(str::to_owned).collect();
    lesson.until("all nodes have an available pod to begin with", |world| {
        let without = without_available_pod(world, &nodes);
        Look::at(without == 0, || format!("{without} not yet Ready for 5 s"))
    })?;
    set_image(lesson, "nds/log-agent", NEXT_IMAGE)?;
    let mut most = 0;
    lesson.until("log-agent runs the new image on all its nodes", |world| {
        let without = without_available_pod(world, &nodes);
        most = most.max(without);
        if without > MAX_UNAVAILABLE {
            return Look::Broken(format!("{without} nodes were without an available pod"));
        }
        let old = nodes
            .iter()
            .find(|node| !on_node(world, AGENT, node).any(|pod| pod.ready() && pod.image == NEXT_IMAGE));
        if let Some(node) = old {
            return Look::NotYet(format!("{node} is not yet updated; {without} without an available pod"));
        }
        let counted = world.sets.get(AGENT).is_some_and(|set| set.observed && set.updated == set.desired);
        Look::at(counted, || "the status does not yet count all as updated".to_owned())
    })?;
    let two_at_once = most == MAX_UNAVAILABLE.min(nodes.len());
    lesson.holds(
        &format!(
            "never more than 2 of {} nodes were without an available pod, and 2 at once were used",
            nodes.len()
        ),
        only_if(two_at_once, || format!("at most {most} at once")),
    )
}
