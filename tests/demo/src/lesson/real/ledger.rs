//! The database-like set `ledger`: nothing that was acknowledged is lost, and no two containers hold one volume.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::error::Result;
use crate::lesson::ask::SHELL;
use crate::lesson::stream::Stream;
use crate::lesson::{Lesson, Look, only_if};
use crate::place::Place;
use crate::world::World;

pub(super) const SET: &str = "ledger";
const MANIFEST: &str = "tests/demo/manifests/ledger.yaml";
/// How long members are killed.
const TROUBLE: Duration = Duration::from_secs(120);
/// When the rolling update begins.
const UPDATE: Duration = Duration::from_secs(50);
/// Between one blow and the next.
const PAUSE: Duration = Duration::from_secs(7);

pub(super) fn member(ordinal: usize) -> String {
    format!("{SET}-{ordinal}")
}

/// All three are Ready, and the status says so.
pub(super) fn whole(world: &World) -> Look {
    for name in (0..3).map(member) {
        match world.pods.get(&name) {
            Some(pod) if pod.ready() => {}
            Some(pod) => return Look::NotYet(format!("{name} is {}", pod.state)),
            None => return Look::NotYet(format!("{name} is not there")),
        }
    }
    let status = world.sets.get(SET).is_some_and(|set| set.observed && set.ready == 3);
    Look::at(status, || "the status does not yet say 3 ready".to_owned())
}

/// Every member is at the newest revision.
fn new(world: &World) -> Look {
    let status = world.sets.get(SET).is_some_and(|set| set.observed && set.updated == 3);
    match status {
        true => whole(world),
        false => Look::NotYet("the status does not yet say 3 updated".to_owned()),
    }
}

pub(super) fn land(lesson: &mut Lesson<'_>) -> Result<()> {
    if let Place::Existing(existing) = lesson.place {
        lesson.tell("(with your own default storage class in place of `shared`)");
        let text = existing.rewritten(MANIFEST, |line| !line.contains("storageClassName: shared"))?;
        lesson.type_(&["apply", "-f", &text])?;
    } else {
        lesson.type_(&["apply", "-f", MANIFEST])?;
    }
    lesson.until("three members are Ready", whole)?;
    lock_works(lesson)
}

/// A pod of somebody else mounts the volume of a member: the check for two holders can fail, and does.
fn lock_works(lesson: &mut Lesson<'_>) -> Result<()> {
    let node = lesson.world.pods.get("ledger-0").map(|pod| pod.node.clone()).unwrap_or_default();
    // On a volume that all nodes have, from another node; where volumes are local, from the same.
    let elsewhere = lesson.place.is_real() && lesson.place.is_local();
    let operator = if elsewhere { "NotIn" } else { "In" };
    let pod = json!({"spec": {
        "restartPolicy": "Never",
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": operator, "values": [node]}]},
        ]}}},
        "containers": [{
            "name": "intruder", "image": SHELL,
            "command": ["sh", "-c", "exec 9>>/data/lock; flock -n 9 && echo free || echo held"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-ledger-0"}}],
    }});
    lesson.tell("A pod of somebody else mounts the volume of ledger-0 and tries its lock:");
    let overrides = format!("--overrides={pod}");
    lesson.place.kubectl(&["run", "intruder", &format!("--image={SHELL}"), "--restart=Never", &overrides])?;
    lesson.until_answer(
        "it finds the volume held: two holders would be noticed",
        &["logs", "intruder"],
        |_, answer| match answer.trim() {
            "held" => Look::Holds,
            "free" => Look::Broken("the volume was free although ledger-0 runs".to_owned()),
            other => Look::NotYet(format!("it says {other:?}")),
        },
    )?;
    lesson.place.kubectl(&["delete", "pod", "intruder", "--wait=false"]).map(drop)
}

/// A client that appends records for as long as it may, and prints those that were acknowledged.
pub(super) fn writer(place: &Place, start: &str) -> Result<Stream> {
    Stream::start(
        place,
        &format!(
            "i=0; while [ ! -e /tmp/stop ]; do i=$((i + 1)); answer=$(timeout 10 wget -q -O - \
             \"http://ledger-$((i % 3)).ledger:8080/cgi-bin/append?{start}-$i\" 2>/dev/null); \
             if [ \"$answer\" = acknowledged ]; then echo {start}-$i; else sleep 0.1; fi; done"
        ),
    )
}

/// Members are killed at random, and the set is updated meanwhile.
pub(super) fn trouble(lesson: &mut Lesson<'_>) -> Result<()> {
    let mut writer = writer(lesson.place, "a")?;
    lesson.until("a client appends records", |_| {
        Look::at(!writer.lines().is_empty(), || "nothing is acknowledged yet".to_owned())
    })?;
    let began = Instant::now();
    let mut random =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64) | 1;
    let (mut deaths, mut updated) = (0, false);
    while began.elapsed() < TROUBLE {
        if !updated && began.elapsed() >= UPDATE {
            updated = true;
            lesson.arm();
            let patch = r#"{"spec": {"template": {"metadata": {"annotations": {"release": "two"}}}}}"#;
            lesson.type_(&["patch", "oset/ledger", "--type=merge", "-p", patch])?;
        }
        // xorshift: the same blow is not always struck at the same member.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let name = member((random % 3) as usize);
        let there = lesson.world.pods.get(&name).is_some_and(|pod| pod.ready());
        if there {
            let kill = ["exec", &name, "--", "sh", "-c", "kill 1"];
            let delete = ["delete", "pod", &name, "--wait=false", "--grace-period=1"];
            // Whoever is killed cannot always answer.
            let blow: &[&str] = if (random >> 8).is_multiple_of(3) { &kill } else { &delete };
            let _ = lesson.type_(blow);
            deaths += 1;
        }
        lesson.watch(PAUSE)?;
    }
    lesson.until("after that, all three are Ready again, with the new template", new)?;
    let records = writer.finish(lesson.place)?;
    lesson.tell(&format!("{deaths} times a member was killed; {} records were acknowledged", records.len()));
    kept(lesson, &records)?;
    alone(lesson)
}

/// Each acknowledged record is in the logs of two members.
pub(super) fn kept(lesson: &mut Lesson<'_>, records: &[String]) -> Result<()> {
    let mut logs = vec![];
    for name in (0..3).map(member) {
        let log = lesson.place.kubectl(&["exec", &name, "--", "cat", "/data/log"])?;
        logs.push(log.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>());
    }
    let lost = records.iter().filter(|record| logs.iter().filter(|log| log.contains(*record)).count() < 2);
    let lost: Vec<&String> = lost.collect();
    let what =
        format!("no acknowledged record is lost: each of {} is in the logs of two members", records.len());
    lesson.holds(&what, only_if(lost.is_empty() && !records.is_empty(), || format!("lost: {lost:?}")))
}

/// No member ever found its volume held by another container.
pub(super) fn alone(lesson: &mut Lesson<'_>) -> Result<()> {
    let mut holders = 0;
    for name in (0..3).map(member) {
        let script = "cat /data/violations 2>/dev/null; wc -l </data/holders";
        let answer = lesson.place.kubectl(&["exec", &name, "--", "sh", "-c", script])?;
        let mut lines: Vec<&str> = answer.lines().collect();
        holders += lines.pop().and_then(|count| count.trim().parse::<usize>().ok()).unwrap_or_default();
        if !lines.is_empty() {
            return lesson.holds("no two containers ever held one volume", Err(lines.join("; ")));
        }
    }
    lesson.holds(&format!("no two of {holders} containers ever held one volume at the same time"), Ok(()))
}
