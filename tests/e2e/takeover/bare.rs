//! Native objects alone: no definitions of ours, no lease, and an API server that is reached by plain http.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::World;
use crate::support::manifests::{daemon_set, stateful_set};
use crate::support::read::{DS, LEASE, STS, number};
use crate::support::writes::BERTH;

/// From the start of the process to its first write.
const AT_ONCE: Duration = Duration::from_secs(2);

#[test]
fn it_acts_at_once_through_a_proxy_without_definitions_or_lease() {
    let world = World::without_upstream();
    world.apply(&stateful_set("web", "Delete"));
    world.apply(&daemon_set("agent"));
    assert!(world.read("/apis/berth.dev/v1").is_none(), "no definition of ours");
    let kubeconfig = proxy(&world);

    let started = jiff::Timestamp::now();
    let berth = world.berth_with(&kubeconfig, &["--apis=apps", "--leader-elect=false"]);
    world.wait("the sets to be up", || {
        let (web, agent) = (world.get(STS, "web"), world.get(DS, "agent"));
        let ready = [number(&web, "/status/readyReplicas"), number(&agent, "/status/numberReady")];
        if ready == [3, 3] { Ok(()) } else { Err(format!("{ready:?} are ready")) }
    });
    let acts = world.cluster.audit().unwrap();
    for resource in ["controllerrevisions", "persistentvolumeclaims", "pods"] {
        let first =
            acts.iter().find(|act| act.user == BERTH && act.resource == resource && act.verb == "create");
        let at: jiff::Timestamp = first.unwrap().timestamp.parse().unwrap();
        let after = Duration::try_from(at.duration_since(started)).unwrap();
        assert!(after <= AT_ONCE, "the first of {resource} came after {after:?}");
    }

    world.set_image("statefulset/web", "2");
    world.set_image("daemonset/agent", "2");
    world.rolled_out(&["statefulset/web", "daemonset/agent"]);
    let leases = world.read(&LEASE.path("berth-system")).unwrap();
    assert_eq!(leases["items"], json!([]), "nobody asked for a lease");
    world.end(&berth);
    let log = berth.log().unwrap();
    let errors: Vec<&str> = log.lines().filter(|line| line.contains(r#""ERROR""#)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

/// Starts `kubectl proxy` with the rights of Berth, and writes a kubeconfig that leads to it and holds no credentials.
fn proxy(world: &World) -> PathBuf {
    let rights = world.cluster.kubeconfig_for_service_account("berth-system", "berth").unwrap();
    let mut command = Command::new(&world.cluster.binaries().kubectl);
    command.args(["proxy", "--port=0"]).env("KUBECONFIG", rights);
    let proxy = world.cluster.spawn("proxy", command).unwrap();
    let address = world.wait("the proxy to listen", || {
        let said = proxy.log().unwrap();
        let address = said.lines().find_map(|line| line.strip_prefix("Starting to serve on "));
        address.map(str::to_owned).ok_or(said.clone())
    });
    let kubeconfig = world.cluster.dir().join("kubeconfigs/proxy");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
        "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{address}")}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": ""}}],
    });
    fs::write(&kubeconfig, text.to_string()).unwrap();
    kubeconfig
}
