//! The roles of `deploy/` in the model.

use berth_api::request::{Answer, Request, Verb};
use berth_api::{ObjectRef, Resource, Surface};
use berth_sim::api_server::ApiServer;
use berth_sim::world::{NAMESPACE, Weather, World, pod};
use serde_json::json;

/// The model refuses what the roles of `deploy/` do not allow, and says what RBAC says.
#[test]
fn what_no_role_allows_is_forbidden() {
    let world = World::new(0, Weather::calm());
    let mut server = world.server;
    let says = |server: &mut ApiServer, verb: Verb, object: ObjectRef, status: bool| {
        let request = Request { verb, object, status, dry_run: false, body: json!({}) };
        match server.handle(&request) {
            Answer::Refused(refusal) if refusal.code == 403 => Some(refusal.message),
            _ => None,
        }
    };
    let of = |resource| ObjectRef::new(resource, NAMESPACE, "x");
    let (oset, sts) = (Resource::OrdinalSets(Surface::Berth), Resource::OrdinalSets(Surface::Apps));
    for (verb, resource, status) in [
        (Verb::Get, Resource::PodTemplates, false),
        (Verb::Delete, Resource::Claims, false),
        (Verb::Patch, oset, false),
        (Verb::Patch, sts, false),
        (Verb::Get, Resource::Leases, false),
        (Verb::Patch, Resource::Pods, true),
    ] {
        assert!(says(&mut server, verb, of(resource), status).is_some(), "{verb:?} {resource}");
    }
    for (verb, resource, status) in [
        (Verb::Get, Resource::Pods, false),
        (Verb::Patch, oset, true),
        (Verb::Patch, sts, true),
        (Verb::Create, Resource::Leases, false),
        (Verb::Delete, Resource::Revisions, false),
    ] {
        assert_eq!(says(&mut server, verb, of(resource), status), None, "{verb:?} {resource}");
    }
    server.roles.take("delete", "pods");
    let message = says(&mut server, Verb::Delete, pod("web-0"), false).unwrap();
    assert_eq!(
        message,
        "pods \"web-0\" is forbidden: User \"system:serviceaccount:berth-system:berth\" cannot delete resource \
         \"pods\" in API group \"\" in the namespace \"default\""
    );
    server.roles.give_back();
    assert_eq!(says(&mut server, Verb::Delete, pod("web-0"), false), None);
}
