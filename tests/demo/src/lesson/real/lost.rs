//! A node that falls silent, and one that is gone.

use std::time::Duration;

use berth_cluster::Cluster;

use super::{agents, ledger};
use crate::error::{Error, Result};
use crate::lesson::ask::CLIENT;
use crate::lesson::daemons::on_node;
use crate::lesson::rollout::set_image;
use crate::lesson::{Lesson, Look, only_if};
use crate::place::Place;
use crate::world::World;

const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
/// What the conditions of a set say.
const CONDITIONS: &str =
    r#"jsonpath={range .status.conditions[?(@.status=="True")]}{.type}: {.message}{"\n"}{end}"#;

fn cluster<'a>(lesson: &Lesson<'a>) -> Result<&'a Cluster> {
    match lesson.place {
        Place::Local(cluster) => Ok(cluster),
        Place::Existing(_) => Err(Error::Missing("this step needs nodes of our own".to_owned())),
    }
}

/// A member of the ledger on another node than the client, and that node.
fn victim(world: &World) -> Result<(String, String)> {
    let client = world.pods.get(CLIENT).map_or("", |pod| &pod.node);
    let found = (0..3).rev().filter_map(|ordinal| world.pods.get(&ledger::member(ordinal)));
    let pod = found.into_iter().find(|pod| pod.node != client);
    let pod = pod.ok_or_else(|| Error::Missing("all members are on the client's node".to_owned()))?;
    Ok((pod.name.clone(), pod.node.clone()))
}

fn ready(world: &World, node: &str) -> bool {
    world.nodes.get(node).is_some_and(|node| node.ready)
}

/// The node counts as gone, and the pod was told to go.
fn until_lost(lesson: &mut Lesson<'_>, name: &str, node: &str) -> Result<()> {
    lesson.until(&format!("the cluster has noticed: {node} is not Ready"), |world| {
        Look::at(!ready(world, node), || format!("{node} still counts as Ready"))
    })?;
    lesson.until(&format!("{name} has been told to go, and nobody there answers"), |world| {
        let going = world.pods.get(name).is_some_and(|pod| pod.terminating);
        Look::at(going, || format!("{name} has not been told to go"))
    })
}

pub(super) fn silent(lesson: &mut Lesson<'_>) -> Result<()> {
    let (name, node) = victim(&lesson.world)?;
    let before = lesson.world.pods.get(&name).cloned().unwrap_or_default();
    lesson.tell(&format!("(the kubelet of {node} is ended; the container of {name} there runs on)"));
    cluster(lesson)?.stop_kubelet(&node)?;
    until_lost(lesson, &name, &node)?;
    let url = format!("http://{}:8080/cgi-bin/log", before.ip);
    let arguments = ["exec", CLIENT, "--", "timeout", "2", "wget", "-q", "-O", "/dev/null", &url];
    lesson.until_answer(
        &format!("the container of {name} runs, and still answers"),
        &arguments,
        |_, _| Look::Holds,
    )?;
    lesson.still(&format!("no second {name} is made"), Duration::from_secs(10), |world| {
        only_if(world.pod_uid(&name) == before.uid, || "there is another one".to_owned())
    })?;
    let what = format!("the condition of the set names {name} and {node}, and says what a person can do");
    lesson.until_answer(&what, &["get", "oset", "ledger", "-o", CONDITIONS], |_, answer| {
        Look::at(tells(answer, &name, &node), || answer.trim().to_owned())
    })?;
    why(lesson, &name, &node)?;
    daemons_go_on(lesson, &node)?;

    lesson.tell(&format!("(the kubelet of {node} starts again)"));
    cluster(lesson)?.start_kubelet(&node)?;
    lesson.until(&format!("{node} is back, and {name} is a new pod"), |world| {
        if !ready(world, &node) || world.pod_uid(&name) == before.uid {
            return Look::NotYet(format!("{node} is not Ready, or {name} still the old one"));
        }
        ledger::whole(world)
    })?;
    lesson.until("node-page is up to date everywhere", |world| agents::updated(world, agents::FIRST))?;
    ledger::alone(lesson)
}

/// What `berth why` says, which is for people who wonder.
fn why(lesson: &mut Lesson<'_>, name: &str, node: &str) -> Result<()> {
    let answer = lesson.berth(&["why", "oset/ledger"])?;
    let told = only_if(tells(&answer, name, node), || answer.clone());
    lesson.holds("berth why says the same", told)
}

/// Which pod, on which node, and what frees it.
fn tells(text: &str, pod: &str, node: &str) -> bool {
    [pod, node, OUT_OF_SERVICE].iter().all(|word| text.contains(word))
}

/// A dead node holds up nothing elsewhere, as long as the budget exceeds the dead nodes.
fn daemons_go_on(lesson: &mut Lesson<'_>, node: &str) -> Result<()> {
    let budget = |count: u32| {
        format!(
            r#"{{"spec": {{"updateStrategy": {{"rollingUpdate": {{"maxUnavailable": {count}, "maxSurge": 0}}}}}}}}"#
        )
    };
    lesson.arm();
    lesson.type_(&["patch", "nds/node-page", "--type=merge", "-p", &budget(2)])?;
    set_image(lesson, "nds/node-page", agents::SECOND)?;
    let others: Vec<String> =
        agents::wanted(&lesson.world).into_iter().filter(|name| *name != node).map(str::to_owned).collect();
    let elsewhere = |world: &World, image: &str| {
        let old = others
            .iter()
            .find(|name| !on_node(world, agents::SET, name).any(|pod| pod.ready() && pod.image == image));
        old.map_or(Look::Holds, |name| Look::NotYet(format!("{name} is not yet updated")))
    };
    lesson.until(&format!("maxUnavailable 2, one node dead: all nodes but {node} are updated"), |world| {
        // A pod that is not available yet (minReadySeconds) would be replaced again at once, whatever the budget. That as many are
        // updated says that these are the counts after the last replacement: they are written some seconds later.
        let counts = world.sets.get(agents::SET).filter(|set| set.observed).map(|s| [s.updated, s.available]);
        let [updated, available] = counts.unwrap_or_default();
        let all = i64::try_from(others.len());
        match elsewhere(world, agents::SECOND) {
            Look::Holds => Look::at([Ok(updated), Ok(available)] == [all, all], || {
                format!("{updated} updated and {available} available of {}", others.len())
            }),
            other => other,
        }
    })?;
    lesson.type_(&["patch", "nds/node-page", "--type=merge", "-p", &budget(1)])?;
    set_image(lesson, "nds/node-page", agents::FIRST)?;
    let what = format!("maxUnavailable 1: the dead node uses it up, and the condition names {node}");
    lesson.until_answer(&what, &["get", "nds", "node-page", "-o", CONDITIONS], |_, answer| {
        Look::at(answer.contains(node), || answer.trim().to_owned())
    })?;
    lesson.still("no other node is touched", Duration::from_secs(3), |world| {
        match elsewhere(world, agents::SECOND) {
            Look::Holds => Ok(()),
            Look::NotYet(seen) | Look::Broken(seen) => Err(seen),
        }
    })
}

pub(super) fn gone(lesson: &mut Lesson<'_>) -> Result<()> {
    let writer = ledger::writer(lesson.place, "b")?;
    lesson.watch(Duration::from_secs(3))?;
    let records = writer.finish(lesson.place)?;
    let (name, node) = victim(&lesson.world)?;
    let before = lesson.world.pods.get(&name).cloned().unwrap_or_default();
    lesson.tell(&format!("(everything on {node} is ended at once, containers too, as by a loss of power)"));
    cluster(lesson)?.kill_real_node(&node)?;
    until_lost(lesson, &name, &node)?;
    lesson.still(
        &format!("{name} is not made elsewhere: nobody knows that its container is gone"),
        Duration::from_secs(5),
        |world| only_if(world.pod_uid(&name) == before.uid, || "there is another one".to_owned()),
    )?;
    lesson.tell("A person who knows that nothing runs there any more says so with a taint:");
    lesson.arm();
    lesson.type_(&["taint", "node", &node, &format!("{OUT_OF_SERVICE}=nodeshutdown:NoExecute")])?;
    lesson.until(&format!("{name} moves on to another node, with its claim"), |world| {
        match world.pods.get(&name) {
            Some(pod)
                if pod.ready()
                    && pod.uid != before.uid
                    && pod.node != node
                    && pod.claims == before.claims =>
            {
                ledger::whole(world)
            }
            Some(pod) => Look::NotYet(format!("{name} is {} on {:?}", pod.state, pod.node)),
            None => Look::NotYet(format!("{name} is not there")),
        }
    })?;
    ledger::kept(lesson, &records)?;
    ledger::alone(lesson)?;
    lesson.tell(&format!("({node} starts again)"));
    cluster(lesson)?.boot_real_node(&node)?;
    lesson.until(&format!("{node} is Ready"), |world| {
        Look::at(ready(world, &node), || format!("{node} is not Ready"))
    })?;
    lesson.type_(&["taint", "node", &node, &format!("{OUT_OF_SERVICE}-")])?;
    lesson.until("node-page is on every node again", |world| match agents::back(world, &node) {
        Look::Holds => agents::updated(world, agents::FIRST),
        other => other,
    })
}
