//! What the operator's roles allow, read from the manifests that people apply.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use berth_api::request::{Refusal, Request, Verb};
use berth_api::{ObjectRef, Resource};
use serde_json::Value;

use super::{object, refusal};

/// The manifests: the roles for each surface.
const MANIFESTS: [&str; 2] =
    [include_str!("../../../../deploy/rbac.yaml"), include_str!("../../../../deploy/apps.yaml")];
/// Who the operator is.
const ACCOUNT: &str = "berth";

/// A right: verb, group, resource with its subresource, and the only name that it is about.
type Right = (String, String, String, Option<String>);

/// What an operator may do: all that its roles say, without what was taken away for a while.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    /// Whether whoever asks is an administrator, whom nothing is forbidden.
    pub admin: bool,
    taken: BTreeSet<(&'static str, &'static str)>,
}

impl Roles {
    /// Takes a verb on a resource (`pods`, `ordinalsets/status`) out of all roles.
    pub fn take(&mut self, verb: &'static str, resource: &'static str) {
        assert!(
            rights().iter().any(|(v, _, r, _)| v == verb && r == resource),
            "no role has {verb} {resource}"
        );
        self.taken.insert((verb, resource));
    }

    /// Puts back all that was taken.
    pub fn give_back(&mut self) {
        self.taken.clear();
    }

    /// What RBAC says to a request that no role allows.
    pub fn against(&self, request: &Request) -> Option<Refusal> {
        let verb = match request.verb {
            Verb::Get => "get",
            Verb::Create => "create",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Delete => "delete",
        };
        // The name of a new object is not in its path, so no role can be tied to it.
        let name = if request.verb == Verb::Create { "" } else { &request.object.name };
        self.forbids(verb, &ObjectRef { name: name.to_owned(), ..request.object.clone() }, request.status)
    }

    /// What RBAC says to a list or a watch that no role allows. That of leases names the lease.
    pub fn against_all(&self, verb: &'static str, resource: Resource) -> Option<Refusal> {
        let name = if resource == Resource::Leases { ACCOUNT } else { "" };
        self.forbids(verb, &ObjectRef::new(resource, "", name), false)
    }

    fn forbids(&self, verb: &'static str, of: &ObjectRef, status: bool) -> Option<Refusal> {
        let (group, plural) = (group(of.resource), of.resource.plural());
        let is = |resource: &str| match resource.strip_suffix("/status") {
            Some(resource) => status && resource == plural,
            None => !status && resource == plural,
        };
        let taken = self.taken.iter().any(|(v, resource)| *v == verb && is(resource));
        if self.admin {
            return None;
        }
        let allowed = |(v, g, resource, name): &Right| {
            v == verb && g == group && is(resource) && name.as_ref().is_none_or(|name| *name == of.name)
        };
        (taken || !rights().iter().any(allowed)).then(|| forbidden(verb, of, status))
    }
}

fn group(resource: Resource) -> &'static str {
    resource.api_version().rsplit_once('/').map_or("", |(group, _)| group)
}

/// As RBAC words it.
fn forbidden(verb: &str, of: &ObjectRef, status: bool) -> Refusal {
    let (group, plural) = (group(of.resource), of.resource.plural());
    let subject = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
    let named = if of.name.is_empty() { String::new() } else { format!(" \"{}\"", of.name) };
    let scope = if of.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace \"{}\"", of.namespace)
    };
    let sub = if status { "/status" } else { "" };
    let message = format!(
        "{subject}{named} is forbidden: User \"system:serviceaccount:berth-system:{ACCOUNT}\" cannot {verb} resource \
         \"{plural}{sub}\" in API group \"{group}\" {scope}"
    );
    refusal(403, "Forbidden", &message)
}

/// All that the roles allow that the manifests bind to the operator.
fn rights() -> &'static BTreeSet<Right> {
    static RIGHTS: OnceLock<BTreeSet<Right>> = OnceLock::new();
    RIGHTS.get_or_init(|| {
        let documents: Vec<Value> =
            MANIFESTS.iter().flat_map(|text| serde_saphyr::from_multiple::<Value>(text).unwrap()).collect();
        let ours = |v: &&Value| object::entries(v, "/subjects").iter().any(|s| s["name"] == ACCOUNT);
        let bound: BTreeSet<(&str, &str)> = documents
            .iter()
            .filter(ours)
            .map(|v| (object::text(v, "/roleRef/kind"), object::text(v, "/roleRef/name")))
            .collect();
        let roles = documents.iter().filter(|v| bound.contains(&(object::text(v, "/kind"), object::name(v))));
        roles.flat_map(|role| object::entries(role, "/rules")).flat_map(rights_of).collect()
    })
}

fn rights_of(rule: &Value) -> Vec<Right> {
    let texts = |field: &str| -> Vec<String> {
        object::entries(rule, field).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let mut names: Vec<Option<String>> = texts("/resourceNames").into_iter().map(Some).collect();
    if names.is_empty() {
        names.push(None);
    }
    let mut rights = vec![];
    for verb in texts("/verbs") {
        for group in texts("/apiGroups") {
            for resource in texts("/resources") {
                rights.extend(
                    names.iter().map(|name| (verb.clone(), group.clone(), resource.clone(), name.clone())),
                );
            }
        }
    }
    rights
}
