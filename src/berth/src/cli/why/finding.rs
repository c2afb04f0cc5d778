//! What is in the way, what would help, and the command to do so.

use berth_api::{Key, Kind, Surface};
use berth_plan::reason::Waiting;
use serde::Serialize;

use crate::cli::nodes::NoneMatches;
use crate::cli::{program, target};

/// What kind of thing is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Cause {
    /// No node takes the pod.
    NotScheduled,
    /// No node matches what the template of a node daemon set asks for.
    NoNode,
    /// The image cannot be had.
    Image,
    /// A container ends again and again.
    CrashLoop,
    /// A container cannot be set up.
    Configuration,
    /// The readiness probe fails.
    Readiness,
    /// The pod has ended.
    Ended,
    /// It takes its time; nothing is wrong.
    Starting,
    /// It is ready, but not for `minReadySeconds` yet.
    MinReady,
    /// A claim is not bound, or on its way out.
    ClaimPending,
    /// A claim has lost its volume.
    ClaimLost,
    /// A claim does not go with the set although its policy says so.
    ClaimUntied,
    /// A quota is used up.
    Quota,
    /// An admission plugin or webhook refuses.
    Admission,
    /// The API server refuses for another reason.
    Refused,
    /// The node is not ready.
    NodeNotReady,
    /// The node is gone.
    NodeGone,
    /// It is being deleted.
    Terminating,
    /// It is being deleted for too long.
    TerminatingTooLong,
    /// Others use up what may be unavailable.
    Budget,
    /// An old pod has the host port that its successor needs beside it.
    HostPort,
    /// The rollout is paused.
    Paused,
    /// The partition is reached.
    Partition,
    /// People replace the pods.
    OnDelete,
    /// A pod at the wanted revision is broken.
    NewRevisionBroken,
    /// Nothing has moved for too long.
    ProgressDeadline,
    /// The name is taken.
    NameTaken,
    /// The spec cannot be carried out.
    InvalidSpec,
    /// The operator has not looked at the spec yet.
    NotObserved,
    /// An earlier try failed.
    Backoff,
    /// kube-controller-manager works on it too.
    Rival,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Finding {
    /// What kind of thing it is.
    pub(super) cause: Cause,
    /// What is in the way, in words.
    pub(super) message: String,
    /// What would help; empty when it only takes time.
    pub(super) remedy: String,
    /// The command that does it, or that shows more; empty when there is none.
    pub(super) command: String,
}

impl Finding {
    /// A finding.
    pub(super) fn new(
        cause: Cause,
        message: impl Into<String>,
        remedy: impl Into<String>,
        command: impl Into<String>,
    ) -> Self {
        Finding { cause, message: message.into(), remedy: remedy.into(), command: command.into() }
    }

    /// Something that only takes time.
    pub(super) fn patience(cause: Cause, message: impl Into<String>) -> Self {
        Finding::new(cause, message, "", "")
    }
}

/// A kubectl command in the namespace of a set.
pub(super) fn kubectl(key: &Key, rest: &str) -> String {
    format!("kubectl -n {} {rest}", key.namespace)
}

/// `berth rollout <verb>` for a set; kubectl's own for a native one.
pub(super) fn rollout(key: &Key, verb: &str) -> String {
    let program = if key.surface == Surface::Apps { "kubectl" } else { program() };
    format!("{program} rollout {verb} {} -n {}", target::short(key), key.namespace)
}

/// A change of the set's spec.
pub(super) fn patch(key: &Key, spec: &str) -> String {
    let name = target::short(key);
    kubectl(key, &format!("patch {name} --type=merge -p '{{\"spec\":{spec}}}'"))
}

/// What is waited for, as a finding about the whole set. Waits for single pods are told where the pods are.
pub(super) fn of_waiting(key: &Key, waiting: &Waiting, outdated: &[String]) -> Option<Finding> {
    let text = waiting.to_string();
    Some(match waiting {
        Waiting::PodNotAvailable { .. } | Waiting::PodTerminating { .. } | Waiting::NodeSilent { .. } => {
            return None;
        }
        Waiting::Claim { claim, .. } => Finding::new(
            Cause::ClaimPending,
            text,
            "it goes once nothing uses it and nothing holds it",
            kubectl(key, &format!("describe pvc {}", claim.name)),
        ),
        Waiting::PodLeaving { object, .. } => Finding::new(
            Cause::Terminating,
            text,
            "it goes by itself",
            kubectl(key, &format!("describe pod {}", object.name)),
        ),
        Waiting::ClaimsUntied { names, .. } => Finding::new(
            Cause::ClaimUntied,
            text,
            "a pod of this set uses them; or, if the data is not needed, they are deleted",
            kubectl(key, &format!("get pvc {}", names.join(" "))),
        ),
        Waiting::NameTaken { object } => Finding::new(
            Cause::NameTaken,
            text,
            "the name is free again when that object is gone; one that another controller manages goes with its owner alone",
            kubectl(key, &format!("get {} {} -o yaml", object.resource.plural(), object.name)),
        ),
        Waiting::Budget { limit, .. } => Finding::new(
            Cause::Budget,
            text,
            "those become available, or more may be unavailable at once",
            patch(
                key,
                &format!("{{\"updateStrategy\":{{\"rollingUpdate\":{{\"maxUnavailable\":{}}}}}}}", limit + 1),
            ),
        ),
        Waiting::Surge { limit, .. } => Finding::new(
            Cause::Budget,
            text,
            "the new pods on those nodes become available, or more nodes may run two",
            patch(
                key,
                &format!("{{\"updateStrategy\":{{\"rollingUpdate\":{{\"maxSurge\":{}}}}}}}", limit + 1),
            ),
        ),
        Waiting::WantedRevisionBroken { .. } => Finding::new(
            Cause::NewRevisionBroken,
            text,
            "it becomes available, or the template goes back",
            rollout(key, "undo"),
        ),
        Waiting::Partition { .. } => Finding::new(
            Cause::Partition,
            text,
            "a lower partition lets them follow",
            patch(key, "{\"updateStrategy\":{\"rollingUpdate\":{\"partition\":0}}}"),
        ),
        Waiting::OnDelete { .. } => Finding::new(
            Cause::OnDelete,
            text,
            "a pod gets the new template when it is deleted",
            outdated.first().map(|pod| kubectl(key, &format!("delete pod {pod}"))).unwrap_or_default(),
        ),
        Waiting::Paused { .. } => Finding::new(
            Cause::Paused,
            text,
            "the rollout goes on when it is resumed",
            rollout(key, "resume"),
        ),
        Waiting::DeadlinePassed { .. } => Finding::new(
            Cause::ProgressDeadline,
            text,
            "what is wrong with the pods is mended, or the template goes back",
            rollout(key, "undo"),
        ),
        Waiting::Backoff { .. } | Waiting::FailedPod { .. } => Finding::patience(Cause::Backoff, text),
        Waiting::Vanishing { .. } => Finding::new(
            Cause::Backoff,
            text,
            "whoever deletes the pods, or changes their labels, stops",
            kubectl(key, "get events --sort-by=.lastTimestamp"),
        ),
        Waiting::Renumbering { .. } => Finding::new(
            Cause::Backoff,
            text,
            "only one operator works on the set",
            "kubectl get pods -A -l app.kubernetes.io/name=berth",
        ),
        Waiting::Rival => Finding::new(
            Cause::Rival,
            text,
            "one of the two controllers is switched off",
            "kubectl -n kube-system get pods -l component=kube-controller-manager -o yaml",
        ),
        Waiting::OwnerTerminating => Finding::new(
            Cause::Terminating,
            text,
            "",
            kubectl(key, &format!("get {} -o yaml", target::short(key))),
        ),
        Waiting::Invalid { .. } => Finding::new(
            Cause::InvalidSpec,
            text,
            "the spec is mended",
            kubectl(key, &format!("edit {}", target::short(key))),
        ),
    })
}

/// A write that the API server refused, from its own words.
pub(super) fn of_refusal(key: &Key, message: &str) -> Finding {
    let namespace = &key.namespace;
    if message.contains("exceeded quota") {
        let remedy =
            "the quota is raised, or something else in the namespace goes; it is tried again by itself";
        return Finding::new(Cause::Quota, message, remedy, kubectl(key, "describe resourcequota"));
    }
    if message.contains("violates PodSecurity") {
        let remedy = "the template keeps to the pod security of the namespace";
        return Finding::new(
            Cause::Admission,
            message,
            remedy,
            format!("kubectl get ns {namespace} --show-labels"),
        );
    }
    if message.contains("User \"system:serviceaccount:") && message.contains(" cannot ") {
        let remedy = "the role of the operator gets this right";
        return Finding::new(
            Cause::Admission,
            message,
            remedy,
            "kubectl apply -f deploy/rbac.yaml".to_owned(),
        );
    }
    if message.starts_with("podtemplate ") {
        let remedy = "the policy lets dry runs of pod templates pass: they tell a default from a change";
        let policies = "kubectl get validatingadmissionpolicies,validatingwebhookconfigurations".to_owned();
        return Finding::new(Cause::Admission, message, remedy, policies);
    }
    let edit = kubectl(key, &format!("edit {}", target::short(key)));
    if message.contains("admission webhook")
        || message.contains("denied the request")
        || message.contains("forbidden")
    {
        return Finding::new(Cause::Admission, message, "the template is changed, or the policy is", edit);
    }
    Finding::new(Cause::Refused, message, "the template is mended; it is tried again by itself", edit)
}

/// No node matches the template.
pub(super) fn of_nodes(none: &NoneMatches) -> Finding {
    let (remedy, command) = if none.is_about_labels() {
        ("a node gets the labels, or the template asks for others", "kubectl get nodes --show-labels")
    } else {
        (
            "the template tolerates the taints, or they go",
            "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
        )
    };
    Finding::new(Cause::NoNode, none.to_string(), remedy, command)
}

/// The operator has not looked at the present spec.
pub(super) fn not_observed(key: &Key) -> Finding {
    let who = match (key.surface, key.kind) {
        (Surface::Berth, _) => "berth",
        (Surface::Apps, Kind::Ordinal) => "the StatefulSet controller",
        (Surface::Apps, Kind::Daemon) => "the DaemonSet controller",
    };
    Finding::new(
        Cause::NotObserved,
        format!("{who} has not acted on the present spec yet"),
        format!("{who} runs and serves this namespace"),
        "kubectl -n berth-system get pods,leases".to_owned(),
    )
}
