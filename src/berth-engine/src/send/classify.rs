//! Which of a few classes an answer falls into. What is done about each class is decided once, here and in the engine.

use std::time::Duration;

use berth_api::request::{Answer, Refusal};
use berth_plan::memory::rejections::LONGEST_RETRY_AFTER;

/// The class of a refused or lost request.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The view was old (409 on a precondition, 404 on something to change): look again, soon.
    Stale(String),
    /// The name is taken (409 AlreadyExists).
    Exists(String),
    /// The namespace is being deleted: nothing to do, nothing to report.
    NamespaceTerminating,
    /// The request is not acceptable as it is (400, 403, 405, 422): report, and retry with growing pauses, for a quota
    /// or a policy may change.
    Rejected(Refusal),
    /// The API server is busy or unwell (429, 5xx): nothing wrong with the request; wait at least this long.
    Busy {
        /// What it said.
        refusal: Refusal,
        /// Least time to wait, if it named one.
        wait: Option<Duration>,
    },
    /// It may or may not have been done: look before anything else.
    Unknown(String),
    /// The change was accepted, and nothing was stored.
    TakenBack,
}

impl Failure {
    /// The API server's own words, or ours where it said nothing.
    pub fn message(&self) -> String {
        match self {
            Failure::Stale(what) | Failure::Exists(what) | Failure::Unknown(what) => what.clone(),
            Failure::NamespaceTerminating => "the namespace is being deleted".to_owned(),
            Failure::Rejected(refusal) | Failure::Busy { refusal, .. } => refusal.message.clone(),
            Failure::TakenBack => {
                "the API server accepted the change and stored nothing: an admission webhook or policy takes it back"
                    .to_owned()
            }
        }
    }
}

/// Sorts a refusal into its class.
pub fn refusal(refusal: &Refusal) -> Failure {
    match (refusal.code, refusal.reason.as_str()) {
        (_, "AlreadyExists") => Failure::Exists(refusal.message.clone()),
        (409 | 404 | 410, _) => Failure::Stale(refusal.message.clone()),
        (403, _) if refusal.details.causes.iter().any(|c| c.reason == "NamespaceTerminating") => {
            Failure::NamespaceTerminating
        }
        (429 | 500..=599, _) => {
            let wait = retry_after(refusal);
            // A server timeout (504) may have been committed all the same.
            if refusal.code == 504 {
                Failure::Unknown(refusal.message.clone())
            } else {
                Failure::Busy { refusal: refusal.clone(), wait }
            }
        }
        _ => Failure::Rejected(refusal.clone()),
    }
}

/// Whether the API server rejected a dry run because the template itself is not valid: it cannot be decoded, or the validation names
/// one of its fields. Policies and webhooks answer with the same codes, and what they deny says nothing about the template.
pub fn is_invalid_template(refusal: &Refusal) -> bool {
    match (refusal.code, refusal.reason.as_str()) {
        (400, _) => refusal.message.contains("cannot be handled as a PodTemplate"),
        (422, "Invalid") => refusal.details.causes.iter().any(|cause| cause.field.starts_with("template")),
        _ => false,
    }
}

/// Whether a policy or an admission webhook denied a request for what it holds.
pub fn is_denied(refusal: &Refusal) -> bool {
    matches!(refusal.code, 400 | 403 | 422) && refusal.message.contains("denied ")
}

/// How long the API server asks to wait, at most a minute; `None` if it does not.
fn retry_after(refusal: &Refusal) -> Option<Duration> {
    let seconds = u64::from(refusal.details.retry_after_seconds);
    (seconds > 0).then(|| Duration::from_secs(seconds).min(LONGEST_RETRY_AFTER))
}

/// How long nothing of the same class is to be sent, because the API server itself is overloaded; `None` if the answer is about one
/// request or object: one with a cause (such as `DisruptionBudget`), or of an admission webhook.
pub fn server_pause(refusal: &Refusal) -> Option<Duration> {
    let of_server = matches!(refusal.code, 429 | 503)
        && refusal.details.causes.is_empty()
        && !["admission webhook", "calling webhook"].iter().any(|words| refusal.message.contains(words));
    if of_server { retry_after(refusal) } else { None }
}

/// Sorts an answer: the object when it was done, else the class of the failure.
///
/// # Errors
/// The class of the failure.
pub fn answer(answer: Answer) -> Result<serde_json::Value, Failure> {
    match answer {
        Answer::Done(value) => Ok(value),
        Answer::Refused(r) => Err(refusal(&r)),
        Answer::Unknown(what) => Err(Failure::Unknown(what)),
    }
}
