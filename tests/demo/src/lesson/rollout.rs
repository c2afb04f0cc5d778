//! Steps about new templates: canary, and a bad image with its undo.

use std::time::Duration;

use super::ordinals::{identities, settled, unchanged};
use super::{Lesson, Look, only_if};
use crate::error::Result;
use crate::world::World;
use crate::{operator, past};

/// What examples/nginx.yaml asks for.
const FIRST: &str = "docker.io/library/nginx:1.27";
pub(super) const SECOND: &str = "docker.io/library/nginx:1.28";
/// A tag that no registry has; the simulated kubelet knows it by the word `missing`.
const MISSING: &str = "docker.io/library/nginx:1.99-missing";

/// The simulated kubelet and those of real clusters: they end what others have deleted.
const KUBELETS: [&str; 2] = ["kwok", "system:node:"];

/// Types the patch that changes the image of a set's only container.
pub(super) fn set_image(lesson: &mut Lesson<'_>, set: &str, image: &str) -> Result<()> {
    let patch = format!(
        r#"[{{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "{image}"}}]"#
    );
    lesson.type_(&["patch", set, "--type=json", "-p", &patch])
}

fn set_partition(lesson: &mut Lesson<'_>, partition: u32) -> Result<()> {
    let patch =
        format!(r#"{{"spec": {{"updateStrategy": {{"rollingUpdate": {{"partition": {partition}}}}}}}}}"#);
    lesson.type_(&["patch", "oset/nginx", "--type=merge", "-p", &patch])
}

/// All three pods are Ready with these images, in the order of their numbers, and the status counts `updated`.
pub(super) fn runs(world: &World, images: [&str; 3], updated: i64) -> Look {
    for (ordinal, image) in images.iter().enumerate() {
        let name = format!("nginx-{ordinal}");
        if !world.pods.get(&name).is_some_and(|pod| pod.ready() && pod.image == *image) {
            return Look::NotYet(format!("{name} is not yet Ready with {image}"));
        }
    }
    match settled(world, 3) {
        Look::Holds => {}
        other => return other,
    }
    let counted = world.sets.get("nginx").is_some_and(|set| set.updated == updated);
    Look::at(counted, || format!("the status of the set does not yet say {updated} updated"))
}

pub(super) fn canary(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.type_(&["scale", "oset", "nginx", "--replicas=3"])?;
    lesson.until("nginx-2 is there again", |world| settled(world, 3))?;
    let rest = identities(&lesson.world, &[0, 1]);
    let mark = lesson.world.past.len();
    lesson.arm();
    set_partition(lesson, 2)?;
    set_image(lesson, "oset/nginx", SECOND)?;
    lesson
        .until("nginx-2, the canary, runs the new image", |world| runs(world, [FIRST, FIRST, SECOND], 1))?;
    lesson.still("nginx-0 and nginx-1 stay as they are", Duration::from_millis(1500), |world| {
        unchanged(&rest, world)
    })?;
    lesson.arm();
    set_partition(lesson, 0)?;
    lesson.until("now all run the new image", |world| runs(world, [SECOND; 3], 3))?;
    let order =
        past::replaced_in_order(&lesson.world.past[mark..], &["nginx-2", "nginx-1", "nginx-0"], |pod| {
            pod.image == SECOND
        });
    lesson.holds("the order was 2, 1, 0, each when the one before it was Ready", order)
}

pub(super) fn bad_image(lesson: &mut Lesson<'_>) -> Result<()> {
    let rest = identities(&lesson.world, &[0, 1]);
    let claim = lesson.world.claim_uid("www-nginx-2").to_owned();
    let good = lesson.world.pods.get("nginx-2").map(|pod| pod.revision.clone()).unwrap_or_default();
    let logged = lesson.place.audit()?.map(|events| events.len());

    set_image(lesson, "oset/nginx", MISSING)?;
    lesson.until("nginx-2 has the bad image and cannot start", |world| {
        let broken = world.pods.get("nginx-2").filter(|pod| pod.image == MISSING);
        let broken =
            broken.is_some_and(|pod| matches!(pod.state.as_str(), "ErrImagePull" | "ImagePullBackOff"));
        Look::at(broken, || "nginx-2 does not yet fail to pull its image".to_owned())
    })?;
    lesson.still(
        "the rollout stops there: nginx-0 and nginx-1 stay, and stay Ready",
        Duration::from_secs(2),
        |world| {
            unchanged(&rest, world)?;
            let ready = ["nginx-0", "nginx-1"]
                .iter()
                .all(|name| world.pods.get(*name).is_some_and(|pod| pod.ready()));
            only_if(ready, || "one of them is not Ready".to_owned())
        },
    )?;

    set_image(lesson, "oset/nginx", SECOND)?;
    lesson.until("the earlier template is enough: nginx-2 is Ready again", |world| {
        runs(world, [SECOND; 3], 3)
    })?;
    let world = &lesson.world;
    let back = world.pods.get("nginx-2").is_some_and(|pod| pod.revision == good)
        && world.claim_uid("www-nginx-2") == claim;
    lesson.holds(
        "it has its earlier revision and its claim",
        only_if(back, || "revision or claim is another one".to_owned()),
    )?;
    let same = unchanged(&rest, &lesson.world);
    lesson.holds("nginx-0 and nginx-1 are the same pods as before", same)?;
    match logged {
        Some(before) => {
            let deleted = who_deleted(lesson, before)?;
            lesson.holds("only the operator deleted pods (the audit log says so)", deleted)
        }
        None => {
            lesson.tell(
                "Who deleted pods is not looked up here: the audit log of this cluster is not ours to read.",
            );
            Ok(())
        }
    }
}

/// Whether of those who deleted pods of the set since `before` all were the operator.
fn who_deleted(lesson: &Lesson<'_>, before: usize) -> Result<Result<(), String>> {
    let events = lesson.place.audit()?.unwrap_or_default();
    let deletes = events.iter().skip(before).filter(|event| {
        event.resource == "pods"
            && event.verb.starts_with("delete")
            && event.name.starts_with("nginx-")
            && event.code < 300
    });
    let mut ours = 0;
    for event in deletes {
        if event.user == operator::ACCOUNT {
            ours += 1;
        } else if !KUBELETS.iter().any(|kubelet| event.user.starts_with(kubelet)) {
            return Ok(Err(format!("{} deleted {}", event.user, event.name)));
        }
    }
    // The good pod made room for the bad one, and the bad one for the cure.
    Ok(only_if(ours == 2, || format!("the operator deleted {ours} pods, not 2")))
}
