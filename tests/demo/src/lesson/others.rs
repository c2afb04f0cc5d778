//! The examples that the lesson does not go through: they run beside it.

use super::{Lesson, Look};
use crate::error::Result;

/// Their sets.
pub(super) const SETS: [&str; 3] = ["mysql", "canary", "on-delete"];

/// What starts them.
pub(super) const START: [&str; 7] =
    ["apply", "-f", "examples/mysql.yaml", "-f", "examples/canary.yaml", "-f", "examples/on-delete.yaml"];

pub(super) fn arrived(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.until("all of them have all their pods Ready, and their status says so", |world| {
        for name in SETS {
            let Some(set) = world.sets.get(name) else { return Look::NotYet(format!("{name} is not there")) };
            let ready = world.pods_of(name).filter(|pod| pod.ready()).count();
            if !set.observed || set.ready != set.desired || i64::try_from(ready) != Ok(set.desired) {
                return Look::NotYet(format!("{name} has {ready} of {} pods Ready", set.desired));
            }
        }
        Look::Holds
    })
}
