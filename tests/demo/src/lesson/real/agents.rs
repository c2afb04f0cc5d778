//! The node daemon `node-page`: a web server on the network and on the disk of every node.

use crate::error::Result;
use crate::lesson::daemons::{covers, on_node};
use crate::lesson::rollout::set_image;
use crate::lesson::stream::Stream;
use crate::lesson::{Lesson, Look, only_if};
use crate::place::Place;
use crate::world::{Node, World};

pub(super) const SET: &str = "node-page";
pub(super) const FIRST: &str = "docker.io/library/nginx:1.27";
pub(super) const SECOND: &str = "docker.io/library/nginx:1.28";
const TAINT: &str = "example.com/repair";

/// The nodes that it should be on.
pub(super) fn wanted(world: &World) -> Vec<&str> {
    let fits = |node: &Node| {
        let off = node.labels.get("node-page").is_some_and(|value| value == "off");
        // Taints of nodes that do not answer are tolerated by every daemon.
        let free = node.taints.iter().all(|taint| taint.starts_with("node.kubernetes.io/unreachable"));
        free && !off
    };
    world.nodes.iter().filter(|(_, node)| fits(node)).map(|(name, _)| name.as_str()).collect()
}

fn everywhere(world: &World) -> Look {
    covers(world, SET, &wanted(world))
}

/// The page of a node is served at the node's own address.
fn served(lesson: &mut Lesson<'_>, node: &str) -> Result<()> {
    let address = lesson.world.nodes.get(node).map(|node| node.address.clone()).unwrap_or_default();
    let what = format!("{node} serves its own name at its own address");
    lesson.until_page(&what, &format!("http://{address}:8081/"), node)
}

pub(super) fn land(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.type_(&["apply", "-f", "tests/demo/manifests/node-page.yaml"])?;
    lesson.until("node-page is on all nodes, one pod each", everywhere)?;
    let nodes: Vec<String> = wanted(&lesson.world).into_iter().map(str::to_owned).collect();
    nodes.iter().try_for_each(|node| served(lesson, node))
}

pub(super) fn follows(lesson: &mut Lesson<'_>) -> Result<()> {
    let nodes: Vec<String> = wanted(&lesson.world).into_iter().map(str::to_owned).collect();
    let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else { return Ok(()) };
    let taint = format!("{TAINT}=now:NoExecute");
    undo(lesson, &["taint", "node", first, &format!("{TAINT}-")])?;
    lesson.type_(&["taint", "node", first, &taint])?;
    leaves(lesson, first)?;
    lesson.type_(&["taint", "node", first, &format!("{TAINT}-")])?;
    lesson.until(&format!("without the taint, it is back on {first}"), |world| back(world, first))?;

    undo(lesson, &["label", "node", last, "node-page-"])?;
    lesson.type_(&["label", "node", last, "node-page=off"])?;
    leaves(lesson, last)?;
    lesson.type_(&["label", "node", last, "node-page-"])?;
    lesson.until(&format!("without the label, it is back on {last}"), |world| back(world, last))?;

    if let Place::Local(cluster) = lesson.place {
        lesson.tell("(a node joins: containerd and a kubelet start in namespaces of their own)");
        let node = cluster.add_real_node()?;
        lesson.until(&format!("{node} has a pod"), |world| match world.nodes.contains_key(&node) {
            true => everywhere(world),
            false => Look::NotYet(format!("{node} is not there")),
        })?;
        served(lesson, &node)?;
    }
    Ok(())
}

/// It should be on the node again, and is; what was seen before a taint or a label went says nothing.
pub(super) fn back(world: &World, node: &str) -> Look {
    match wanted(world).contains(&node) {
        true => everywhere(world),
        false => Look::NotYet(format!("{node} is as it was")),
    }
}

fn leaves(lesson: &mut Lesson<'_>, node: &str) -> Result<()> {
    lesson.until(&format!("node-page has left {node}, and is everywhere else"), |world| {
        if wanted(world).contains(&node) {
            return Look::NotYet(format!("{node} is as it was"));
        }
        everywhere(world)
    })
}

/// On a cluster of others, what was changed is changed back, however this ends.
fn undo(lesson: &Lesson<'_>, arguments: &[&str]) -> Result<()> {
    match lesson.place {
        Place::Existing(existing) => existing.at_end(arguments),
        Place::Local(_) => Ok(()),
    }
}

/// Asks every node for its page, again and again: a line a round, with the nodes that did not answer.
pub(super) fn probe(lesson: &Lesson<'_>) -> Result<Stream> {
    let nodes = wanted(&lesson.world);
    let address = |name: &&str| lesson.world.nodes.get(*name).map(|node| node.address.clone());
    let addresses: Vec<String> = nodes.iter().filter_map(address).collect();
    let script = format!(
        "while [ ! -e /tmp/stop ]; do missed=; for ip in {}; do timeout 2 wget -q -O /dev/null http://$ip:8081/ || missed=\"$missed $ip\"; \
         done; echo round$missed; done",
        addresses.join(" ")
    );
    Stream::start(lesson.place, &script)
}

/// Waits until the probe has a first answer, so that it is there when something begins.
fn probing(lesson: &mut Lesson<'_>, probe: &mut Stream) -> Result<()> {
    lesson.until("a probe asks every node for its page, again and again", |_| {
        Look::at(!probe.lines().is_empty(), || "the probe starts".to_owned())
    })
}

/// All nodes run the image, and the status counts them.
pub(super) fn updated(world: &World, image: &str) -> Look {
    for node in wanted(world) {
        let mut pods = on_node(world, SET, node);
        let new = match (pods.next(), pods.next()) {
            (Some(pod), None) => pod.ready() && pod.image == image,
            _ => false,
        };
        if !new {
            return Look::NotYet(format!("{node} is not yet updated"));
        }
    }
    let counted = world.sets.get(SET).is_some_and(|set| set.observed && set.updated == set.desired);
    Look::at(counted, || "the status does not yet count all as updated".to_owned())
}

/// How many rounds there were, and the most nodes that missed one.
fn counted(rounds: &[String]) -> (usize, usize) {
    let missed = rounds.iter().map(|line| line.split_whitespace().count().saturating_sub(1));
    (rounds.len(), missed.max().unwrap_or_default())
}

pub(super) fn one_at_a_time(lesson: &mut Lesson<'_>) -> Result<()> {
    let nodes = wanted(&lesson.world).len();
    let mut probe = probe(lesson)?;
    probing(lesson, &mut probe)?;
    set_image(lesson, "nds/node-page", SECOND)?;
    lesson.until("all nodes run the new image", |world| updated(world, SECOND))?;
    let (rounds, most) = counted(&probe.finish(lesson.place)?);
    let what = format!("of {nodes} nodes, never more than one was silent ({rounds} rounds of questions)");
    lesson.holds(&what, only_if(rounds > 0 && most <= 1, || format!("{most} were silent in one round")))
}

pub(super) fn surge(lesson: &mut Lesson<'_>) -> Result<()> {
    let patch = r#"{"spec": {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}}}"#;
    lesson.type_(&["patch", "nds/node-page", "--type=merge", "-p", patch])?;
    let nodes: Vec<String> = wanted(&lesson.world).into_iter().map(str::to_owned).collect();
    let mut probe = probe(lesson)?;
    probing(lesson, &mut probe)?;
    set_image(lesson, "nds/node-page", FIRST)?;
    let mut doubled = std::collections::BTreeSet::new();
    lesson.until("all nodes run the image from before", |world| {
        for node in &nodes {
            let ready = on_node(world, SET, node).filter(|pod| pod.ready_since.is_some()).count();
            if ready == 0 {
                return Look::Broken(format!("{node} was without a Ready pod"));
            }
            if ready > 1 {
                doubled.insert(node.clone());
            }
        }
        updated(world, FIRST)
    })?;
    let both = only_if(doubled.len() == nodes.len(), || format!("only {doubled:?} had two Ready pods"));
    lesson.holds("each node had its new pod Ready before the old one was told to go", both)?;
    let (rounds, most) = counted(&probe.finish(lesson.place)?);
    let what = format!("no node was silent in any of {rounds} rounds of questions");
    lesson.holds(&what, only_if(rounds > 0 && most == 0, || format!("{most} were silent in one round")))
}
