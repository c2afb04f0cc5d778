//! Steps about identity: coming up, coming back, scaling.

use super::{Lesson, Look, only_if};
use crate::error::Result;
use crate::past;
use crate::world::World;

/// The name of a pod of the set `nginx`.
pub(super) fn pod(ordinal: usize) -> String {
    format!("nginx-{ordinal}")
}

/// The name of its claim.
fn claim(ordinal: usize) -> String {
    format!("www-nginx-{ordinal}")
}

/// The set has exactly the pods below `count`, all Ready, and its status says so.
pub(super) fn settled(world: &World, count: usize) -> Look {
    for ordinal in 0..count {
        match world.pods.get(&pod(ordinal)) {
            Some(pod) if pod.ready() => {}
            Some(pod) => return Look::NotYet(format!("{} is {}", pod.name, pod.state)),
            None => return Look::NotYet(format!("{} is not there", pod(ordinal))),
        }
    }
    if let Some(extra) = world.pods_of("nginx").find(|p| !(0..count).any(|ordinal| p.name == pod(ordinal))) {
        return Look::NotYet(format!("{} is still there", extra.name));
    }
    let status = world.sets.get("nginx").is_some_and(|set| {
        set.observed && usize::try_from(set.ready) == Ok(count) && usize::try_from(set.desired) == Ok(count)
    });
    Look::at(status, || format!("the status of the set does not yet say {count} ready"))
}

/// The uids of the pods and claims of the first ordinals.
pub(super) fn identities(world: &World, ordinals: &[usize]) -> Vec<(String, String)> {
    let pods = ordinals.iter().map(|o| (pod(*o), world.pod_uid(&pod(*o)).to_owned()));
    let claims = ordinals.iter().map(|o| (claim(*o), world.claim_uid(&claim(*o)).to_owned()));
    pods.chain(claims).collect()
}

/// Whether they are the same pods and claims as before.
pub(super) fn unchanged(before: &[(String, String)], world: &World) -> Result<(), String> {
    for (name, uid) in before {
        let now = if name.starts_with("www-") { world.claim_uid(name) } else { world.pod_uid(name) };
        only_if(!uid.is_empty() && now == uid, || format!("{name} is another one than before"))?;
    }
    Ok(())
}

pub(super) fn up(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.type_(&["apply", "-f", "examples/nginx.yaml"])?;
    lesson.until("nginx-0, nginx-1 and nginx-2 are Ready", |world| settled(world, 3))?;
    let order = past::came_in_order(&lesson.world.past, &["nginx-0", "nginx-1", "nginx-2"]);
    lesson.holds("each was made only after the one before it was Ready", order)?;
    lesson.until("each has its own claim, and the claim is bound", |world| {
        for ordinal in 0..3 {
            let (pod, claim) = (pod(ordinal), claim(ordinal));
            let bound = world.claims.get(&claim).is_some_and(|claim| claim.phase == "Bound");
            let used = world.pods.get(&pod).is_some_and(|pod| pod.claims == [claim.as_str()]);
            if !bound || !used {
                return Look::NotYet(format!("{claim} is not yet the bound claim of {pod}"));
            }
        }
        Look::Holds
    })
}

pub(super) fn deleted(lesson: &mut Lesson<'_>) -> Result<()> {
    let others = identities(&lesson.world, &[0, 2]);
    let uid = lesson.world.pod_uid("nginx-1").to_owned();
    let kept = lesson.world.claim_uid("www-nginx-1").to_owned();
    lesson.type_(&["delete", "pod", "nginx-1"])?;
    lesson.until("nginx-1 is back: a new pod (another uid) under the old name", |world| {
        if world.pod_uid("nginx-1") == uid {
            return Look::NotYet("the old nginx-1 is still there".to_owned());
        }
        settled(world, 3)
    })?;
    let world = &lesson.world;
    let same = world.claim_uid("www-nginx-1") == kept
        && world.pods.get("nginx-1").is_some_and(|pod| pod.claims == ["www-nginx-1"]);
    lesson.holds(
        "it has the same claim (the same uid)",
        only_if(same, || "the claim is another one".to_owned()),
    )?;
    let same = unchanged(&others, &lesson.world);
    lesson.holds("nginx-0 and nginx-2 were left alone", same)
}

pub(super) fn scaled(lesson: &mut Lesson<'_>) -> Result<()> {
    let kept = identities(&lesson.world, &[0, 1]);
    let mark = lesson.world.past.len();
    lesson.type_(&["scale", "oset", "nginx", "--replicas=5"])?;
    lesson.until("nginx-3 and nginx-4 have joined", |world| settled(world, 5))?;
    let order = past::came_in_order(&lesson.world.past[mark..], &["nginx-3", "nginx-4"]);
    lesson.holds("nginx-4 was made only after nginx-3 was Ready", order)?;

    let mark = lesson.world.past.len();
    lesson.arm();
    lesson.type_(&["scale", "oset", "nginx", "--replicas=2"])?;
    lesson.until("nginx-0 and nginx-1 are what is left", |world| settled(world, 2))?;
    let order = past::left_in_order(&lesson.world.past[mark..], &["nginx-4", "nginx-3", "nginx-2"]);
    lesson.holds("they went from the top: 4, then 3, then 2, each when the one before it was gone", order)?;
    lesson.until("the claims of 2, 3 and 4 went with them (whenScaled: Delete)", |world| {
        let left = (2..5).map(claim).find(|claim| world.claims.contains_key(claim));
        left.map_or(Look::Holds, |claim| Look::NotYet(format!("{claim} is still there")))
    })?;
    let same = unchanged(&kept, &lesson.world);
    lesson.holds("nginx-0 and nginx-1 kept their pods and claims (the same uids)", same)
}
