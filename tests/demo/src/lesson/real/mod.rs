//! The lesson on real nodes, where containers run: names resolve, pages are served, volumes keep what was written, nodes die.

mod agents;
mod ledger;
mod lost;
mod web;

use super::ask::{CLIENT, SHELL};
use super::steps::{self, Chapter, Step};
use super::{Lesson, Look};
use crate::error::Result;
use crate::view::Focus;

const OWN_NODES: &str = "on an existing cluster, no node is killed";

/// Starts the pod from whose place questions are asked.
pub(super) fn begin(lesson: &mut Lesson<'_>) -> Result<()> {
    lesson.tell(
        "A pod from whose place the lesson asks for names and pages. It stays on a node that is tainted:",
    );
    lesson.type_(&[
        "run",
        CLIENT,
        &format!("--image={SHELL}"),
        "--restart=Always",
        r#"--overrides={"spec": {"tolerations": [{"operator": "Exists"}]}}"#,
        "--",
        "sleep",
        "infinity",
    ])?;
    lesson.until("it is Ready", |world| {
        let state = world.pods.get(CLIENT).map_or("not there", |pod| &pod.state);
        Look::at(state == "Ready", || format!("it is {state}"))
    })
}

/// All steps, those that cannot be done here with the reason.
pub(super) fn all(local: bool) -> Vec<Step> {
    let only_local = |why| (!local).then_some(why);
    let nginx = Focus::Ordinals("nginx");
    let ledger = Focus::Ordinals(ledger::SET);
    let nodes = Focus::Nodes(&[agents::SET]);
    vec![
        Step {
            chapter: Chapter::Ordinals,
            title: "Up in order, each with a name",
            teaches: &[
                "An OrdinalSet runs pods with numbers: nginx-0, nginx-1, nginx-2. Each waits until the one before it is Ready, has a",
                "volume of its own, and a name in DNS by which every other pod finds it, wherever it runs.",
            ],
            checked: "0, 1, 2 in order; nginx-1.nginx.… is pod 1 and serves its page",
            focus: nginx,
            not_here: None,
            act: web::up,
        },
        Step {
            chapter: Chapter::Ordinals,
            title: "A deleted pod finds its page",
            teaches: &[
                "Name, host name, claim and volume belong to the number, not to the pod. A page is written into the volume of pod 0, the",
                "pod is deleted, and a new pod comes to the node where the volume is. Only its address is new, and its name follows.",
            ],
            checked: "same name, host name, claim and node; the page that was written",
            focus: nginx,
            not_here: None,
            act: web::deleted,
        },
        steps::scaled(),
        steps::canary(),
        Step {
            chapter: Chapter::Ordinals,
            title: "An image that crashes, and undo",
            teaches: &[
                "The new image has no server, so its container ends at once, again and again. The rollout stops at the highest number,",
                "and the rest serves. The earlier template is enough to cure it: nobody has to delete the broken pod.",
            ],
            checked: "only 2 breaks; 0 and 1 serve all the time; undo replaces 2",
            focus: nginx,
            not_here: None,
            act: web::crashes,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "A pod on every node",
            teaches: &[
                "A NodeDaemonSet runs one pod a node. This one uses the node's own network and a directory on the node's own disk:",
                "it serves the name of the node, at the address of the node.",
            ],
            checked: "one pod a node; each node serves its own name",
            focus: nodes,
            not_here: None,
            act: agents::land,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "Nodes change",
            teaches: &[
                "A taint drives the pod away, a label that the set does not want does the same, and a node that joins gets its pod",
                "without anybody doing anything.",
            ],
            checked: "leaves a tainted and a relabelled node, and comes back; a new node",
            focus: nodes,
            not_here: None,
            act: agents::follows,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "One node at a time",
            teaches: &[
                "`maxUnavailable: 1` lets one node at a time be without its pod. A probe asks all nodes while they are updated.",
            ],
            checked: "all updated, never more than one node silent",
            focus: nodes,
            not_here: None,
            act: agents::one_at_a_time,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "No node without a pod",
            teaches: &[
                "With `maxSurge: 1` and `maxUnavailable: 0`, the new pod of a node starts beside the old one, which goes only when the",
                "new one works. Both listen on the same port of the node meanwhile.",
            ],
            checked: "all updated, no node silent in any round",
            focus: nodes,
            not_here: None,
            act: agents::surge,
        },
        Step {
            chapter: Chapter::Others,
            title: "Three members of a database",
            teaches: &[
                "Each member of `ledger` appends records to a log on its volume and hands them to its peers by their names. A record is",
                "acknowledged when two have it on disk. Each holds a lock on its volume as long as it runs.",
            ],
            checked: "three members; a second holder of a volume would be noticed",
            focus: ledger,
            not_here: None,
            act: ledger::land,
        },
        Step {
            chapter: Chapter::Others,
            title: "Two minutes of trouble",
            teaches: &[
                "Members are killed at random, and the set gets a new template meanwhile. A client appends records all the time.",
            ],
            checked: "no acknowledged record lost, no volume held twice",
            focus: ledger,
            not_here: None,
            act: ledger::trouble,
        },
        Step {
            chapter: Chapter::Others,
            title: "A node falls silent",
            teaches: &[
                "When a kubelet ends, its containers run on, and nobody can know whether they do. Two pods of one number would write to",
                "one volume, so no second one is made. Daemons elsewhere are updated as long as their budget exceeds the dead nodes.",
            ],
            checked: "no second pod; the condition names pod and node; daemons go on",
            focus: ledger,
            not_here: only_local(OWN_NODES),
            act: lost::silent,
        },
        Step {
            chapter: Chapter::Others,
            title: "A node is gone",
            teaches: &[
                "A person who knows that nothing runs on a dead node any more can say so, and the pod moves on with its volume.",
            ],
            checked: "with the out-of-service taint it moves, with every record",
            focus: ledger,
            not_here: only_local(OWN_NODES),
            act: lost::gone,
        },
    ]
}
