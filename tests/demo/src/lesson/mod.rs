//! The lesson: what each step does, shows and checks.

mod ask;
mod daemons;
mod ordinals;
mod others;
mod real;
mod rollout;
mod steps;
mod stream;

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::feed::Feed;
use crate::kubectl;
use crate::operator::Operator;
use crate::place::Place;
use crate::report::{Fate, Outcome};
use crate::screen::{Screen, Tone};
use crate::setup;
use crate::view::{Focus, View};
use crate::world::{Kind, Seen, World};
use steps::Step;

/// How often something that depends on the time is looked at again.
const TICK: Duration = Duration::from_millis(150);

/// What a look at the world says.
#[derive(Debug)]
enum Look {
    /// It is so.
    Holds,
    /// Not yet; the text says what is missing.
    NotYet(String),
    /// It will not be so any more; the text says why.
    Broken(String),
}

impl Look {
    /// `Holds`, or what is missing.
    fn at(holds: bool, missing: impl FnOnce() -> String) -> Self {
        if holds { Self::Holds } else { Self::NotYet(missing()) }
    }
}

/// A lesson that is going on.
struct Lesson<'a> {
    place: &'a Place,
    operator: &'a Operator,
    feed: &'a Feed,
    screen: &'a mut Screen,
    world: World,
    focus: Focus,
    /// Whether the operator is killed in every step, and whether that is still to come in this one.
    deadly: bool,
    armed: bool,
}

/// Goes through all steps. A step that builds on one that has failed is not tried.
///
/// With `deadly`, the operator is killed in the middle of each of them, and started again.
pub fn run(
    place: &Place,
    operator: &Operator,
    feed: &Feed,
    deadly: bool,
    screen: &mut Screen,
) -> Result<Vec<Outcome>> {
    let focus = Focus::Ordinals("nginx");
    let mut lesson =
        Lesson { place, operator, feed, screen, world: World::default(), focus, deadly, armed: false };
    lesson.screen.say("");
    if place.is_real() {
        lesson.catch_up()?;
        real::begin(&mut lesson)?;
    } else {
        lesson.tell("Three more of the examples start beside the lesson; its last step looks at them.");
        lesson.type_(&others::START)?;
    }
    let mut outcomes: Vec<Outcome> = vec![];
    let mut failed = vec![];
    let steps = if place.is_real() { real::all(place.is_local()) } else { steps::all() };
    for (index, step) in steps.into_iter().enumerate() {
        let began = Instant::now();
        let fate =
            if failed.contains(&step.chapter) { Fate::NotTried } else { lesson.step(index + 1, &step) };
        if let Fate::Failed(_) = fate {
            failed.push(step.chapter);
        }
        let seconds = began.elapsed().as_secs_f64();
        outcomes.push(Outcome { number: index + 1, title: step.title, checked: step.checked, fate, seconds });
    }
    Ok(outcomes)
}

impl Lesson<'_> {
    fn step(&mut self, number: usize, step: &Step) -> Fate {
        self.screen.say("");
        self.screen.tell(Tone::Strong, &format!("{number}. {}", step.title));
        if let Some(why) = step.not_here {
            self.screen.tell(Tone::Dim, &format!("   skipped: {why}"));
            return Fate::Skipped(why.to_owned());
        }
        for line in step.teaches {
            self.tell(line);
        }
        if self.focus != step.focus {
            self.focus = step.focus;
            self.screen.turn();
        }
        self.screen.pause();
        self.screen.restart_clock();
        let caught_up = self.catch_up();
        self.arm();
        let result = caught_up.and_then(|()| (step.act)(self)).and_then(|()| {
            let killed = only_if(!self.armed, || "no pod of a set has changed".to_owned());
            killed.map_err(|seen| not_so("the operator was killed in the middle", seen))
        });
        self.armed = false;
        self.screen.pause();
        match result {
            Ok(()) => Fate::Held,
            Err(error) => {
                // A process that is gone explains more than what it has left undone.
                let error = self.place.check().and_then(|()| self.operator.check()).err().unwrap_or(error);
                let text = error.to_string();
                self.screen.tell(Tone::Bad, &format!("   ✗ {text}"));
                let first = text.lines().next().unwrap_or_default();
                Fate::Failed(first.trim_end_matches("; its last words:").to_owned())
            }
        }
    }

    fn tell(&mut self, text: &str) {
        self.screen.tell(Tone::Dim, &format!("   {text}"));
    }

    /// Types a kubectl command for the user. Files are those of the repository.
    fn type_(&mut self, arguments: &[&str]) -> Result<()> {
        self.screen.tell(Tone::Accent, &format!("   $ {}", kubectl::typed(arguments)));
        let located = setup::located(arguments);
        let located: Vec<&str> = located.iter().map(String::as_str).collect();
        self.place.kubectl(&located).map(drop)
    }

    /// Takes in one thing. The first that happens to a pod of a set is the middle of the step, for those who kill operators.
    fn take(&mut self, seen: &Seen) -> Result<()> {
        self.world.take(seen);
        let of_a_set = seen.object.pointer("/metadata/ownerReferences/0").is_some();
        if self.armed && seen.kind == Kind::Pod && of_a_set {
            self.armed = false;
            self.tell("(the operator is killed here, and another one is started)");
            self.operator.die_and_rise(self.place)?;
        }
        Ok(())
    }

    /// Takes in what has happened so far.
    fn catch_up(&mut self) -> Result<()> {
        while let Some(seen) = self.feed.next(TICK)? {
            self.take(&seen)?;
        }
        Ok(())
    }

    /// A second middle of a step, where it does two things: the operator is killed again.
    fn arm(&mut self) {
        self.armed = self.deadly;
    }

    /// Waits, looking at the world after every single change, until `what` is so.
    fn until(&mut self, what: &str, mut look: impl FnMut(&World) -> Look) -> Result<()> {
        let deadline = Instant::now() + self.place.patience();
        loop {
            let missing = match look(&self.world) {
                Look::Holds => return self.so(what),
                Look::Broken(seen) => return Err(not_so(what, seen)),
                Look::NotYet(missing) => missing,
            };
            if Instant::now() >= deadline {
                return Err(not_so(
                    what,
                    format!("not within {} s: {missing}", self.place.patience().as_secs()),
                ));
            }
            self.screen.show(&View::of(&self.world, self.focus), &missing);
            match self.feed.next(TICK)? {
                Some(seen) => self.take(&seen)?,
                None => {
                    self.world.now = Timestamp::now();
                    // Nothing comes from a process that is gone.
                    self.place.check()?;
                    self.operator.check()?;
                }
            }
        }
    }

    /// Looks on for a while.
    fn watch(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.screen.show(&View::of(&self.world, self.focus), "");
            match self.feed.next(TICK)? {
                Some(seen) => self.take(&seen)?,
                None => self.operator.check()?,
            }
        }
        Ok(())
    }

    /// Looks on for a while, and `what` has to be so all the time.
    fn still(
        &mut self,
        what: &str,
        time: Duration,
        look: impl Fn(&World) -> Result<(), String>,
    ) -> Result<()> {
        let end = Instant::now() + time;
        self.until(what, |world| match look(world) {
            Err(seen) => Look::Broken(seen),
            Ok(()) => Look::at(Instant::now() >= end, || "looking on for a moment".to_owned()),
        })
    }

    /// Checks what has to be so now.
    fn holds(&mut self, what: &str, seen: Result<(), String>) -> Result<()> {
        match seen {
            Ok(()) => self.so(what),
            Err(seen) => Err(not_so(what, seen)),
        }
    }

    fn so(&mut self, what: &str) -> Result<()> {
        self.screen.show(&View::of(&self.world, self.focus), "");
        self.screen.note(Tone::Good, &format!("   ✓ {what}"));
        Ok(())
    }
}

fn not_so(what: &str, seen: String) -> Error {
    Error::NotSo { what: what.to_owned(), seen }
}

/// Nothing, or what is wrong.
fn only_if(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
