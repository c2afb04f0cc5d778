//! What an operator that may not see everything says of itself.

use berth_api::{Resource, Surface};
use berth_plan::time::Now;
use jiff::Timestamp;

use super::{config, ms};
use crate::{Config, Engine, Event, Input, Output};

/// What keeps an operator from being ready, and what it does without, when the API server has answered `problem` to lists of the
/// `missing` and an empty list to all others.
fn look(namespace: &str, missing: &[Resource], problem: &str) -> (Vec<String>, Vec<String>) {
    let mut engine = Engine::new(Config { namespace: namespace.to_owned(), ..config() });
    let now = Now { wall: Timestamp::UNIX_EPOCH, mono: ms(0) };
    let asked = engine.step([Input::Tick], now);
    let answers = asked.into_iter().filter_map(|output| match output {
        Output::List { resource, session, .. } if missing.contains(&resource) => {
            Some(Input::Event { resource, session, event: Event::Failed(problem.to_owned()) })
        }
        Output::List { resource, session, .. } => {
            Some(Input::Page { resource, session, items: vec![], token: String::new(), version: 1 })
        }
        _ => None,
    });
    engine.step(answers.collect::<Vec<_>>(), now);
    (engine.problems(), engine.renounced())
}

#[test]
fn an_operator_for_one_namespace_is_ready_without_what_only_daemons_need() {
    let daemons = [Resource::Nodes, Resource::DaemonSets(Surface::Berth)];
    let (forbidden, absent) = ("nodes is forbidden: User cannot list", "404 page not found");
    for (namespace, missing, problem, problems, renounced) in [
        ("", &[][..], "", 0, 0),
        ("team-a", &daemons[..], forbidden, 0, 2),
        ("team-a", &daemons[..1], forbidden, 0, 1),
        // What may come by itself, or by somebody's help, is waited for.
        ("team-a", &daemons[..], absent, 2, 0),
        ("team-a", &[Resource::Pods][..], forbidden, 1, 0),
        ("team-a", &[Resource::OrdinalSets(Surface::Berth)][..], forbidden, 1, 0),
        // For the whole cluster all rights are there to be had.
        ("", &daemons[..], forbidden, 2, 0),
    ] {
        let found = look(namespace, missing, problem);
        let counts = (found.0.len(), found.1.len());
        assert_eq!(counts, (problems, renounced), "{namespace:?} {missing:?} {problem}: {found:?}");
    }
}
