//! What `deploy/` says, as the API server takes it: every manifest is applied, the operator's pods are admitted, and its
//! ServiceAccount has the rights that it needs and no other.

use std::collections::BTreeSet;
use std::fs;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};

use crate::support::plane::{block_on, project};
use crate::support::read::{name, text, uid};
use crate::support::{Plane, Scene, existing};

/// The parts of `deploy/berth.yaml`, in order.
const PARTS: [&str; 5] = ["namespace", "rbac", "priority", "network", "deployment"];
/// What nobody needs who runs pods for others. A verb or a resource of `*` would be all of these.
const NEVER: [&str; 12] = [
    "secrets",
    "configmaps",
    "serviceaccounts",
    "serviceaccounts/token",
    "pods/exec",
    "pods/attach",
    "pods/ephemeralcontainers",
    "pods/binding",
    "roles",
    "clusterroles",
    "*",
    "customresourcedefinitions",
];

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

/// The objects of a file of the project.
fn objects(path: &str) -> Vec<Value> {
    let whole = format!("\n{}", read(path));
    let parts = whole.split("\n---\n").filter(|part| part.lines().any(|line| line.starts_with("kind:")));
    parts.map(|part| serde_saphyr::from_str(part).unwrap()).collect()
}

#[test]
fn the_one_manifest_is_made_of_its_parts() {
    let parts = PARTS.map(|part| format!("---\n{}", read(&format!("deploy/{part}.yaml"))));
    let how =
        format!("cd deploy; for part in {}; do echo ---; cat $part.yaml; done > berth.yaml", PARTS.join(" "));
    assert!(read("deploy/berth.yaml") == parts.concat(), "make it anew: {how}");
    let image = format!("image: berth:{}\n", env!("CARGO_PKG_VERSION"));
    assert!(
        read("deploy/deployment.yaml").contains(&image)
            && read("docs/installing.md").contains(&image[7..image.len() - 1])
    );
    let kinds: BTreeSet<String> =
        objects("deploy/berth.yaml").iter().map(|object| text(object, "/kind").to_owned()).collect();
    assert!(!kinds.contains("CustomResourceDefinition"), "who deletes the manifest would delete every set");
}

#[test]
fn the_rights_are_the_least() {
    let mut rules = 0;
    for file in ["deploy/berth.yaml", "deploy/apps.yaml", "deploy/namespaced.yaml"] {
        for role in objects(file).iter().filter(|object| text(object, "/kind").ends_with("Role")) {
            if role["metadata"]["labels"]
                .as_object()
                .is_some_and(|l| l.keys().any(|k| k.contains("aggregate")))
            {
                continue; // for people
            }
            for rule in role["rules"].as_array().unwrap() {
                rules += 1;
                allowed(rule, &format!("{file}: {} {}: {rule}", text(role, "/kind"), name(role)));
            }
        }
    }
    assert!(rules > 20, "the roles were found");
}

fn allowed(rule: &Value, what: &str) {
    let list =
        |field: &str| -> Vec<String> { serde_json::from_value(rule[field].clone()).unwrap_or_default() };
    let (resources, verbs) = (list("resources"), list("verbs"));
    assert!(!resources.is_empty() && rule.get("nonResourceURLs").is_none(), "{what}");
    for resource in &resources {
        assert!(!NEVER.contains(&resource.as_str()), "{what}");
    }
    for verb in ["*", "escalate", "bind", "impersonate", "deletecollection"] {
        assert!(!verbs.iter().any(|v| v == verb), "{what}");
    }
    let writes = ["create", "update", "patch", "delete"];
    for (resource, never) in
        [("persistentvolumeclaims", &["delete"][..]), ("nodes", &writes), ("podtemplates", &writes[1..])]
    {
        let forbidden = verbs.iter().any(|verb| never.contains(&verb.as_str()));
        assert!(!(forbidden && resources.iter().any(|r| r == resource)), "{what}");
    }
    if resources == ["leases"] && verbs != ["create"] {
        assert_eq!(list("resourceNames"), ["berth"], "{what}");
    }
}

#[test]
fn every_manifest_is_accepted_and_the_pods_are_admitted() {
    if existing::leaves_out("an operator would be started that the other tests do not expect") {
        return;
    }
    let plane = Plane::shared();
    // Not in a namespace of the test: the manifests name their own.
    let applied = |arguments: &[&str], file: &str| {
        let path = project(file);
        let all: Vec<&str> = ["apply", "--validate=strict", "-f", path.to_str().unwrap()]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let output = plane.cluster.kubectl_output(&all).unwrap();
        let said = output.stderr;
        assert!(output.status.success() && said.is_empty(), "{file}: {said}");
    };
    applied(&["--dry-run=server"], "deploy/namespaced.yaml");
    applied(&["--dry-run=server"], "deploy/apps.yaml");
    applied(&[], "deploy/berth.yaml");

    let namespace = plane.read("/api/v1/namespaces/berth-system").unwrap();
    let enforced = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    assert_eq!(text(&namespace, enforced), "restricted");
    let careless = ["run", "careless", "--image=careless", "--namespace=berth-system", "--dry-run=server"];
    let refused = plane.cluster.kubectl(&careless).unwrap_err().to_string();
    assert!(refused.contains("violates PodSecurity"), "and it is enforced: {refused}");
    pods_are_admitted(&plane);
    rights_are_what_they_say(&plane);
    requests_have_a_level_of_their_own(&plane);
    plane.cluster.kubectl(&["delete", "deployment", "berth", "--namespace=berth-system"]).unwrap();
}

fn pods_are_admitted(plane: &std::sync::Arc<Plane>) {
    let scene = Scene::begin(std::sync::Arc::clone(plane), "deployed", "berth-system", "");
    let pods = scene.wait("two pods of the Deployment", || {
        let pods = plane.read("/api/v1/namespaces/berth-system/pods").unwrap();
        let pods = pods["items"].as_array().unwrap().clone();
        if pods.len() == 2 { Ok(pods) } else { Err(format!("{pods:?}")) }
    });
    for pod in pods {
        let container = &pod["spec"]["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(pod["spec"]["priority"], 900_000_000);
        assert_eq!(text(&pod, "/spec/serviceAccountName"), "berth");
    }
}

/// What the API server itself says, roles of others included that may be bound to everybody.
fn rights_are_what_they_say(plane: &Plane) {
    let may = |verb: &str, what: &str, namespace: &str| {
        // After a slash kubectl takes a name.
        let (resource, subresource) = what.split_once(':').unwrap_or((what, ""));
        let subject = "--as=system:serviceaccount:berth-system:berth";
        let (within, sub) = (format!("--namespace={namespace}"), format!("--subresource={subresource}"));
        let arguments = ["auth", "can-i", verb, resource, subject, &within, &sub];
        plane.cluster.kubectl_output(&arguments).unwrap().stdout.trim() == "yes"
    };
    for (verb, resource, namespace, expected) in [
        ("create", "pods", "default", true),
        ("get", "secrets", "default", false),
        ("list", "configmaps", "default", false),
        ("create", "pods:exec", "default", false),
        ("create", "pods:binding", "default", false),
        ("create", "serviceaccounts:token", "default", false),
        ("delete", "persistentvolumeclaims", "default", false),
        ("patch", "nodes", "default", false),
        ("patch", "ordinalsets.berth.dev", "default", false),
        ("patch", "ordinalsets.berth.dev:status", "default", true),
        ("impersonate", "users", "default", false),
        ("escalate", "clusterroles", "default", false),
        ("bind", "clusterroles", "default", false),
        ("watch", "leases.coordination.k8s.io/berth", "berth-system", true),
        ("watch", "leases.coordination.k8s.io", "berth-system", false),
        ("patch", "leases.coordination.k8s.io/berth", "kube-system", false),
    ] {
        assert_eq!(may(verb, resource, namespace), expected, "{verb} {resource} in {namespace}");
    }
}

/// The API server says in each answer which FlowSchema a request was counted to.
fn requests_have_a_level_of_their_own(plane: &Plane) {
    let kubeconfig = plane.cluster.kubeconfig_for_service_account("berth-system", "berth").unwrap();
    let client = block_on(async {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap()).unwrap()
    });
    for (schema, path) in [
        ("berth", "/api/v1/pods?limit=1"),
        ("berth", "/apis/berth.dev/v1/ordinalsets?limit=1"),
        ("berth-leader-election", "/apis/coordination.k8s.io/v1/namespaces/berth-system/leases/berth"),
    ] {
        let schemas = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas";
        let expected = uid(&plane.read(&format!("{schemas}/{schema}")).unwrap()).to_owned();
        let request = || http::Request::get(path).body(kube::client::Body::empty()).unwrap();
        // The API server learns of a new FlowSchema by a watch.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let answer = block_on(client.send(request())).unwrap();
            let found = answer.headers()["x-kubernetes-pf-flowschema-uid"].to_str().unwrap().to_owned();
            if found == expected {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{path} is counted to another than {schema}");
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
    }
}

/// Who may edit in a namespace may work with sets there, who may view may look; nobody needs a role of Berth.
#[test]
fn the_built_in_roles_include_the_sets() {
    let plane = Plane::shared();
    let binding = |role: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": format!("{role}-er")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": format!("{role}-er")}],
        })
        .to_string()
    };
    let scene = Scene::begin(plane, "people", "people", "");
    for role in ["view", "edit", "admin"] {
        scene.apply_text(&binding(role));
    }
    for (user, verb, resource, expected) in [
        ("view-er", "watch", "ordinalsets.berth.dev", "yes"),
        ("view-er", "get", "nodedaemonsets.berth.dev", "yes"),
        ("view-er", "create", "ordinalsets.berth.dev", "no"),
        ("view-er", "patch", "ordinalsets.berth.dev/scale", "no"),
        ("edit-er", "create", "ordinalsets.berth.dev", "yes"),
        ("edit-er", "delete", "nodedaemonsets.berth.dev", "yes"),
        ("edit-er", "patch", "ordinalsets.berth.dev/scale", "yes"),
        ("edit-er", "patch", "ordinalsets.berth.dev/status", "no"),
        ("admin-er", "update", "nodedaemonsets.berth.dev", "yes"),
    ] {
        let subject = format!("--as={user}");
        let (kind, sub) = resource.split_once('/').unwrap_or((resource, ""));
        let sub = format!("--subresource={sub}");
        scene.wait(&format!("{user} to {verb} {resource}: {expected}"), || {
            let arguments = ["auth", "can-i", verb, kind, &sub, &subject, "--namespace=people"];
            let output = scene.plane.cluster.kubectl_output(&arguments).unwrap();
            let said = output.stdout;
            if said.trim() == expected { Ok(()) } else { Err(said) }
        });
    }
}
