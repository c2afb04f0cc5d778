//! Schedules from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use berth_api::Resource;
use berth_plan::feature_gates::Gates;

use super::{Schedule, specs, steps};
use crate::random::Random;
use crate::world::{Limits, Tenure, Weather};

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
        let mut sets = specs::sets(random);
        let gates = Gates {
            recreate: random.chance(750),
            max_unavailable: random.chance(750),
            comparison: random.chance(500),
        };
        let (operators, elects) =
            *random.pick(&[(1, false), (1, false), (2, false), (2, true), (2, true), (3, true)]);
        // What is never tried does not settle.
        let settles = sets.iter().all(|drawn| !drawn.is_gated(gates.recreate));
        let patient = operators == 1 && random.chance(400) && settles;
        if patient {
            let specs = sets.iter_mut().filter_map(|drawn| drawn.spec.as_object_mut());
            specs.for_each(|spec| drop(spec.remove("paused")));
        }
        let disturbed = !patient && random.chance(600);
        let limits = random.chance(150).then_some(Limits { qps: 5, burst: 10, in_flight: 4 });
        let tenure = |duration, deadline, renew, retry| {
            let [duration, deadline, renew, retry] =
                [duration, deadline, renew, retry].map(Duration::from_secs);
            Tenure { duration, deadline, renew, retry }
        };
        let lease = *random.pick(&[None, None, Some(tenure(60, 40, 15, 5)), Some(tenure(8, 6, 2, 1))]);
        let weather = weather(&sets, random);
        let mut schedule = Schedule {
            seed,
            sets,
            gates,
            limits,
            lease: lease.filter(|_| elects),
            namesakes: disturbed && random.chance(250),
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

fn weather(sets: &[specs::Drawn], random: &mut Random) -> Weather {
    let mut weather = match random.below(6) {
        0 => Weather::calm(),
        1 | 2 => Weather::lagging(),
        _ => Weather::stormy(),
    };
    if random.chance(200) {
        let all = [Resource::Pods, Resource::Claims, Resource::Revisions, Resource::Nodes];
        let sets = sets.iter().map(|drawn| drawn.object().resource);
        let all: Vec<Resource> = all.into_iter().chain(sets).collect();
        weather.slow = Some(*random.pick(&all));
        weather.stall_for = Weather::lagging().stall_for;
    }
    if random.chance(100) {
        weather.past = 300;
    }
    weather
}
