//! Names, pages and volumes of the set `nginx`.

use std::time::Duration;

use crate::error::Result;
use crate::lesson::ask::SHELL;
use crate::lesson::ordinals::{self, identities, pod, settled, unchanged};
use crate::lesson::rollout::{SECOND, runs, set_image};
use crate::lesson::stream::Stream;
use crate::lesson::{Lesson, Look, only_if};

const PAGE: &str = "/usr/share/nginx/html/index.html";

/// The name of a pod, as every pod of the cluster can ask for it.
fn url(lesson: &Lesson<'_>, ordinal: usize) -> String {
    format!("http://{}.nginx.{}.svc.cluster.local", pod(ordinal), lesson.place.namespace())
}

/// Up in order; then each serves a page of its own under its own name.
pub(super) fn up(lesson: &mut Lesson<'_>) -> Result<()> {
    ordinals::up(lesson)?;
    for ordinal in 0..3 {
        let script = format!("echo \"page of $(hostname)\" >{PAGE}");
        lesson.type_(&["exec", &pod(ordinal), "--", "sh", "-c", &script])?;
    }
    lesson.until_name("the name of pod 1 is the address of pod 1", "nginx-1", "nginx")?;
    for ordinal in 0..3 {
        let name = pod(ordinal);
        let what = format!("under its own name, {name} serves its own page");
        lesson.until_page(&what, &url(lesson, ordinal), &format!("page of {name}"))?;
    }
    Ok(())
}

/// Pod 0 goes and comes back, with everything that belongs to its number.
pub(super) fn deleted(lesson: &mut Lesson<'_>) -> Result<()> {
    let others = identities(&lesson.world, &[1, 2]);
    let before = lesson.world.pods.get("nginx-0").cloned().unwrap_or_default();
    let claim = lesson.world.claim_uid("www-nginx-0").to_owned();
    let page = format!("written before, by a container of {}", before.uid);
    lesson.type_(&["exec", "nginx-0", "--", "sh", "-c", &format!("echo {page:?} >{PAGE}")])?;
    lesson.type_(&["delete", "pod", "nginx-0"])?;
    lesson.until("nginx-0 is back: a new pod (another uid) under the old name", |world| {
        if world.pod_uid("nginx-0") == before.uid {
            return Look::NotYet("the old nginx-0 is still there".to_owned());
        }
        settled(world, 3)
    })?;
    let after = lesson.world.pods.get("nginx-0").cloned().unwrap_or_default();
    let same = lesson.world.claim_uid("www-nginx-0") == claim && after.claims == before.claims;
    lesson.holds("it has the same claim (the same uid)", only_if(same, || "another claim".to_owned()))?;
    on_its_node(lesson, &before.node, &after.node)?;
    let host = lesson.ask(&["exec", "nginx-0", "--", "hostname"])?;
    lesson
        .holds("it has the same host name", only_if(host.trim() == "nginx-0", || host.trim().to_owned()))?;
    lesson.until_name("its name has followed to its new address", "nginx-0", "nginx")?;
    lesson.until_page("it serves the page that was written before it was made", &url(lesson, 0), &page)?;
    let same = unchanged(&others, &lesson.world);
    lesson.holds("nginx-1 and nginx-2 were left alone", same)
}

/// A volume that is on the disk of one node has taken its pod there. Clusters of others may have volumes that are everywhere.
fn on_its_node(lesson: &mut Lesson<'_>, before: &str, after: &str) -> Result<()> {
    let place = lesson.place;
    let volume = place.kubectl(&["get", "pvc", "www-nginx-0", "-o", "jsonpath={.spec.volumeName}"])?;
    let bound = place.kubectl(&["get", "pv", volume.trim(), "-o", "jsonpath={.spec.nodeAffinity}"])?;
    if bound.trim().is_empty() && !place.is_local() {
        lesson.tell("(its volume is bound to no node here)");
        return Ok(());
    }
    let seen = || format!("the volume is bound to {:?}, the pod is on {after}", bound.trim());
    let there = after == before && (bound.contains(before) || !place.is_local());
    lesson.holds(&format!("it is on {before}, where its volume is"), only_if(there, seen))
}

/// An image whose program ends at once.
pub(super) fn crashes(lesson: &mut Lesson<'_>) -> Result<()> {
    let rest = identities(&lesson.world, &[0, 1]);
    let (claim, good) = (
        lesson.world.claim_uid("www-nginx-2").to_owned(),
        lesson.world.pods.get("nginx-2").map(|pod| pod.revision.clone()).unwrap_or_default(),
    );
    let probe = Stream::start(
        lesson.place,
        &format!(
            "while [ ! -e /tmp/stop ]; do for url in {} {}; do if timeout 2 wget -q -O /dev/null $url; then echo served; else echo \
             missed $url; fi; done; sleep 0.2; done",
            url(lesson, 0),
            url(lesson, 1)
        ),
    )?;
    set_image(lesson, "oset/nginx", SHELL)?;
    lesson.until("nginx-2 has the bad image, and its container ends again and again", |world| {
        let broken = world.pods.get("nginx-2").filter(|pod| pod.image == SHELL);
        let state = broken.map_or("still the old one", |pod| pod.state.as_str());
        Look::at(state == "CrashLoopBackOff", || format!("nginx-2 is {state}"))
    })?;
    lesson.still("the rollout stops there: nginx-0 and nginx-1 stay", Duration::from_secs(3), |world| {
        unchanged(&rest, world)
    })?;
    lesson.arm();
    lesson.berth(&["rollout", "undo", "oset/nginx"])?;
    lesson.until("the earlier template is enough: nginx-2 is Ready again", |world| {
        runs(world, [SECOND; 3], 3)
    })?;
    let lines = probe.finish(lesson.place)?;
    let missed = lines.iter().filter(|line| line.starts_with("missed")).count();
    let what = format!("nginx-0 and nginx-1 served all the time ({} answers)", lines.len() - missed);
    let all =
        only_if(missed == 0 && !lines.is_empty(), || format!("{missed} of {} questions missed", lines.len()));
    lesson.holds(&what, all)?;
    let world = &lesson.world;
    let back = world.pods.get("nginx-2").is_some_and(|pod| pod.revision == good)
        && world.claim_uid("www-nginx-2") == claim;
    lesson.holds("it has its earlier revision and its claim", only_if(back, || "another one".to_owned()))?;
    let same = unchanged(&rest, &lesson.world);
    lesson.holds("nginx-0 and nginx-1 are the same pods as before", same)
}
