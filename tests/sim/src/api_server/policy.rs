//! Refusals that last: for as long as they stand, each request that fits is refused.

use berth_api::request::{Refusal, Request, Verb};
use berth_api::{ObjectRef, Resource};

use super::{Admission, ApiServer};

/// Which requests are meant. What is not said does not matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pattern {
    /// The verb.
    pub verb: Option<Verb>,
    /// The resource. Where it is not said, leases and events are not meant: they have a priority level of their own.
    pub resource: Option<Resource>,
    /// Whether the status is meant.
    pub status: Option<bool>,
    /// Whether it is a dry run.
    pub dry_run: Option<bool>,
    /// The name of the object.
    pub name: Option<String>,
}

impl Pattern {
    /// Everything but leases and events.
    pub fn any() -> Self {
        Pattern::default()
    }

    /// A verb on a resource, not on its status.
    pub fn of(verb: Verb, resource: Resource) -> Self {
        Pattern { verb: Some(verb), resource: Some(resource), status: Some(false), ..Pattern::default() }
    }

    /// The dry runs of templates.
    pub fn dry_runs() -> Self {
        Pattern { dry_run: Some(true), ..Pattern::of(Verb::Create, Resource::PodTemplates) }
    }

    /// The same, of one object.
    pub fn named(self, name: &str) -> Self {
        Pattern { name: Some(name.to_owned()), ..self }
    }

    /// Whether a request is meant.
    pub fn fits(&self, request: &Request) -> bool {
        let apart = matches!(request.object.resource, Resource::Leases | Resource::Events);
        self.verb.is_none_or(|verb| verb == request.verb)
            && self.resource.map_or(!apart, |resource| resource == request.object.resource)
            && self.status.is_none_or(|status| status == request.status)
            && self.dry_run.is_none_or(|dry_run| dry_run == request.dry_run)
            && self.name.as_ref().is_none_or(|name| *name == request.object.name)
    }
}

/// A policy, a webhook, or an API server that is too busy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it refuses.
    pub pattern: Pattern,
    /// What it says.
    pub refusal: Refusal,
}

impl Admission {
    /// Refuses, from now on, what fits.
    pub fn refuse(&mut self, pattern: Pattern, refusal: Refusal) {
        self.policies.push(Policy { pattern, refusal });
    }
}

impl ApiServer {
    /// What a policy says to a request. Admission comes after the object was found to be as the request wants it.
    pub(super) fn policy_against(&self, request: &Request) -> Option<Refusal> {
        let policies = &self.admission.policies;
        let refusal = &policies.iter().find(|policy| policy.pattern.fits(request))?.refusal;
        let admission = matches!(refusal.code, 400 | 403 | 422);
        (!admission || self.finds(request)).then(|| refusal.clone())
    }

    /// Whether a request comes as far as to admission.
    fn finds(&self, request: &Request) -> bool {
        let object: &ObjectRef = &request.object;
        let Some(present) = self.get(object) else {
            return matches!(request.verb, Verb::Create | Verb::Get);
        };
        let wanted = match request.verb {
            Verb::Create => return false,
            Verb::Get => return true,
            Verb::Delete => &request.body["preconditions"],
            Verb::Patch | Verb::Update => &request.body["metadata"],
        };
        ["uid", "resourceVersion"]
            .into_iter()
            .all(|field| !wanted[field].is_string() || wanted[field] == present["metadata"][field])
    }
}
