//! The steps on simulated nodes, in their order.

use super::{Lesson, daemons, ordinals, others, rollout};
use crate::error::Result;
use crate::view::Focus;

/// Steps of one chapter build on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chapter {
    /// The ordinal set.
    Ordinals,
    /// The node daemon sets.
    Daemons,
    /// The rest of the examples.
    Others,
}

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub chapter: Chapter,
    pub title: &'static str,
    /// For a newcomer.
    pub teaches: &'static [&'static str],
    /// For the table.
    pub checked: &'static str,
    pub focus: Focus,
    /// Why it cannot be done here.
    pub not_here: Option<&'static str>,
    pub act: fn(&mut Lesson<'_>) -> Result<()>,
}

/// On nodes of either kind.
pub(super) fn scaled() -> Step {
    Step {
        chapter: Chapter::Ordinals,
        title: "Scaled to 5, back to 2",
        teaches: &[
            "Numbers are added at the end and taken from the end, one at a time. The example says `whenScaled: Delete`,",
            "so the claims of numbers that are gone go as well; without it, they would be kept.",
        ],
        checked: "3, 4 come; 4, 3, 2 go, with their claims; those of 0, 1 are kept",
        focus: Focus::Ordinals("nginx"),
        not_here: None,
        act: ordinals::scaled,
    }
}

/// On nodes of either kind.
pub(super) fn canary() -> Step {
    Step {
        chapter: Chapter::Ordinals,
        title: "A canary, then everybody",
        teaches: &[
            "With `partition: 2` a changed template reaches only the numbers from 2 on. If the canary does well, partition 0",
            "lets the rest follow: from the highest number down, each when the one before it is Ready.",
        ],
        checked: "partition 2: only 2 changes; partition 0: then 1, then 0",
        focus: Focus::Ordinals("nginx"),
        not_here: None,
        act: rollout::canary,
    }
}

/// All steps on simulated nodes.
pub(super) fn all() -> Vec<Step> {
    let nginx = Focus::Ordinals("nginx");
    let nodes = Focus::Nodes(&["node-exporter", "log-agent"]);
    vec![
        Step {
            chapter: Chapter::Ordinals,
            title: "Up in order",
            teaches: &[
                "An OrdinalSet runs pods with numbers: nginx-0, nginx-1, nginx-2. Each waits until the one before it is Ready,",
                "and each gets a volume of its own, by a claim that carries the pod's name.",
            ],
            checked: "0, 1, 2: each after the one before it, each with its claim bound",
            focus: nginx,
            not_here: None,
            act: ordinals::up,
        },
        Step {
            chapter: Chapter::Ordinals,
            title: "A deleted pod comes back",
            teaches: &[
                "Name and volume belong to the number, not to the pod: a new nginx-1 finds what the old one has stored.",
            ],
            checked: "a new pod, the same name, the same claim; the others untouched",
            focus: nginx,
            not_here: None,
            act: ordinals::deleted,
        },
        scaled(),
        canary(),
        Step {
            chapter: Chapter::Ordinals,
            title: "A bad image, and undo",
            teaches: &[
                "An image that cannot be pulled breaks the first pod, and the rollout goes no further. Applying the earlier template",
                "again is enough: the broken pod is replaced without anybody deleting it.",
            ],
            checked: "only 2 breaks; undo replaces it, nobody else deletes a pod",
            focus: nginx,
            not_here: None,
            act: rollout::bad_image,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "A pod on every node",
            teaches: &[
                "A NodeDaemonSet runs one pod per node. node-exporter wants every node; log-agent wants those that carry the label",
                "logging=enabled, so it begins with none.",
            ],
            checked: "exactly one pod on each node that fits, none elsewhere",
            focus: nodes,
            not_here: None,
            act: daemons::land,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "A node joins",
            teaches: &["Nobody has to do anything for a new node: it gets its pod as soon as it is there."],
            checked: "the new node gets node-exporter, and no log-agent",
            focus: nodes,
            not_here: None,
            act: daemons::joins,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "A node is tainted",
            teaches: &[
                "A NoExecute taint drives away every pod that does not tolerate it. node-exporter tolerates all taints and stays;",
                "log-agent leaves, is not made again while the taint is there, and comes back after it.",
            ],
            checked: "log-agent leaves and comes back; node-exporter stays",
            focus: nodes,
            not_here: None,
            act: daemons::tainted,
        },
        Step {
            chapter: Chapter::Daemons,
            title: "Two nodes at a time",
            teaches: &[
                "`maxUnavailable: 2` lets two nodes at a time be without a pod that works. Works means here: Ready for 5 seconds",
                "(minReadySeconds), so that a pod that crashes soon after its start holds the rollout up.",
            ],
            checked: "all updated, never more than 2 nodes without an available pod",
            focus: nodes,
            not_here: None,
            act: daemons::rolls,
        },
        Step {
            chapter: Chapter::Others,
            title: "The other examples",
            teaches: &[
                "mysql (three members, in order), canary (all at once) and on-delete were started at the beginning.",
            ],
            checked: "mysql, canary and on-delete have all their pods Ready",
            focus: Focus::Sets(&others::SETS),
            not_here: None,
            act: others::arrived,
        },
    ]
}
