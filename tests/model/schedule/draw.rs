//! Schedules from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use berth::api::{Kind, Resource, Surface};

use super::{Schedule, specs, steps};
use crate::random::Random;
use crate::world::Weather;

/// Keeps what a schedule is drawn from apart from the chance in its world.
const SALT: u64 = 0x005e_ed0f_5c4e_d01e;
/// Steps of a schedule.
const STEPS: u64 = 10;
/// How often in a thousand one follows on the other at once: what happens while caches still show what was before.
const AT_ONCE: u64 = 300;
/// That soon.
const SOON: Duration = Duration::from_secs(2);
/// Else so much later at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(50);

impl Schedule {
    /// The schedule of a seed.
    pub fn draw(seed: u64) -> Self {
        let random = &mut Random::new(seed ^ SALT);
        let surface = if random.chance(250) { Surface::Apps } else { Surface::Berth };
        let kinds = match random.below(8) {
            0..=3 => vec![Kind::Ordinal],
            4..=6 => vec![Kind::Daemon],
            _ => vec![Kind::Ordinal, Kind::Daemon],
        };
        let sets = kinds.into_iter().map(|kind| (kind, specs::any(kind, surface, random))).collect();
        let (operators, elects) =
            *random.pick(&[(1, false), (1, false), (2, false), (2, true), (2, true), (3, true)]);
        let patient = operators == 1 && random.chance(200);
        let disturbed = !patient && random.chance(600);
        let weather = weather(surface, random);
        let mut schedule = Schedule {
            seed,
            surface,
            sets,
            // An operator that sees the past after its restart does what was wanted then.
            weather: Weather { past: if patient { 0 } else { weather.past }, ..weather },
            nodes: steps::NODES.len(),
            operators,
            elects,
            disturbed,
            patient,
            steps: vec![],
            muted: BTreeSet::new(),
            fate: None,
            delivery: None,
            listing: None,
        };
        for _ in 0..1 + random.below(STEPS) {
            let longest = if random.chance(AT_ONCE) { SOON } else { LONGEST_PAUSE };
            let pause = random.between((Duration::ZERO, longest));
            schedule.steps.push((pause, steps::any(&schedule, random)));
        }
        schedule
    }
}

fn weather(surface: Surface, random: &mut Random) -> Weather {
    let mut weather = match random.below(6) {
        0 => Weather::calm(),
        1 | 2 => Weather::lagging(),
        _ => Weather::stormy(),
    };
    if random.chance(200) {
        let all = [Resource::Pods, Resource::Claims, Resource::Revisions, Resource::Nodes];
        let sets = [Resource::OrdinalSets(surface), Resource::DaemonSets(surface)];
        let all: Vec<Resource> = all.into_iter().chain(sets).collect();
        weather.slow = Some(*random.pick(&all));
        weather.stall_for = Weather::lagging().stall_for;
    }
    if random.chance(100) {
        weather.past = 300;
    }
    weather
}
