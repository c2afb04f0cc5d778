//! Native DaemonSets: the generation of the template (B12), and what a pod is made of.

use berth_api::Surface;

use super::*;

const GENERATION: &str = "deprecated.daemonset.template.generation";
const LABEL: &str = "pod-template-generation";

/// `agent` as a native set, with a template generation.
fn native(generation: &str, spec: Value, pods: Vec<Arc<Pod>>) -> Observation<Set> {
    let mut observation = observe(spec, pods);
    observation.key.surface = Surface::Apps;
    let set = Arc::make_mut(&mut observation.set);
    set.metadata.annotations.insert(GENERATION.to_owned(), generation.to_owned());
    set.status.current_revision.clear();
    set.status.update_revision.clear();
    observation
}

fn made_at(node: &str, revision: &str, generation: &str) -> Arc<Pod> {
    pod(node, revision, json!({ "metadata": { "labels": { LABEL: generation } } }))
}

#[test]
fn a_native_pod_carries_the_generation_of_its_template() {
    for (generation, expected) in
        [("3", json!("3")), ("1", json!("1")), ("", Value::Null), ("many", Value::Null)]
    {
        let plan = plan(&native(generation, json!({}), vec![]));
        let body = fixture::body(&plan, &name("a", 0));
        assert_eq!(
            body["metadata"]["labels"].get(LABEL).cloned().unwrap_or_default(),
            expected,
            "{generation:?}"
        );
        assert_eq!(body["metadata"].get("annotations"), None, "the autoscaler knows it by its owner");
        let owner = &body["metadata"]["ownerReferences"][0];
        assert_eq!((&owner["apiVersion"], &owner["kind"]), (&json!("apps/v1"), &json!("DaemonSet")));
    }
    // On a custom set the annotation is a left-over of a manifest that was copied.
    let mut observation = native("3", json!({}), vec![]);
    observation.key.surface = Surface::Berth;
    let set = Arc::make_mut(&mut observation.set);
    (set.status.current_revision, set.status.update_revision) = ("v1".to_owned(), "v1".to_owned());
    let plan = plan(&observation);
    assert_eq!(fixture::body(&plan, &name("a", 0))["metadata"]["labels"].get(LABEL), None);
}

/// A pod is up to date by its revision or by its generation (B6.2).
#[test]
fn a_native_pod_is_up_to_date_by_revision_or_by_generation() {
    for (what, surface, on_a, replaced) in [
        ("both", Surface::Apps, made_at("a", "v1", "2"), false),
        ("the revision alone", Surface::Apps, made_at("a", "v1", "1"), false),
        ("the generation alone", Surface::Apps, made_at("a", "gone", "2"), false),
        ("neither", Surface::Apps, made_at("a", "gone", "1"), true),
        ("no generation", Surface::Apps, pod("a", "gone", ok()), true),
        ("no revision", Surface::Apps, made_at("a", "", "2"), false),
        ("the generation alone, of a custom set", Surface::Berth, made_at("a", "gone", "2"), true),
    ] {
        let mut observation =
            native("2", json!({}), vec![on_a, made_at("b", "v1", "2"), made_at("c", "v1", "2")]);
        observation.key.surface = surface;
        if surface == Surface::Berth {
            let set = Arc::make_mut(&mut observation.set);
            (set.status.current_revision, set.status.update_revision) = ("v1".to_owned(), "v1".to_owned());
        }
        let expected: &[&str] = if replaced { &["delete a0"] } else { &[] };
        assert_eq!(readable(&observation), expected, "{what}:\n{}", plan(&observation));
    }
}

/// B12.1: the revision that pods are labelled with is deleted while another with the same data stays.
#[test]
fn the_generation_keeps_native_pods_when_their_revision_is_deleted() {
    let pods = vec![made_at("a", "first", "1"), made_at("b", "first", "1"), made_at("c", "first", "1")];
    assert_eq!(readable(&native("1", json!({}), pods)), Vec::<String>::new());
}

/// The affinity of a template, and what is left of it in a pod: required terms are replaced, all else stays (B5.3).
#[test]
fn required_node_affinity_is_replaced_and_nothing_else() {
    let here = json!({ "nodeSelectorTerms": [{ "matchFields": [
        { "key": "metadata.name", "operator": "In", "values": ["a"] }] }] });
    let terms = json!({ "nodeSelectorTerms": [
        { "matchExpressions": [{ "key": "x", "operator": "DoesNotExist" }] },
        { "matchFields": [{ "key": "metadata.name", "operator": "NotIn", "values": ["z"] }] }] });
    let preferred = json!([{ "weight": 1, "preference": { "matchExpressions": [
        { "key": "x", "operator": "Exists" }] } }]);
    let (required_is, preferred_is) =
        ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution");
    for (what, affinity, expected) in [
        ("none", Value::Null, json!({ "nodeAffinity": { required_is: here } })),
        ("empty", json!({}), json!({ "nodeAffinity": { required_is: here } })),
        (
            "of pods",
            json!({ "podAffinity": { "x": 1 }, "podAntiAffinity": { "y": 2 } }),
            json!({ "podAffinity": { "x": 1 }, "podAntiAffinity": { "y": 2 }, "nodeAffinity": { required_is: here } }),
        ),
        ("null of nodes", json!({ "nodeAffinity": null }), json!({ "nodeAffinity": { required_is: here } })),
        ("empty of nodes", json!({ "nodeAffinity": {} }), json!({ "nodeAffinity": { required_is: here } })),
        (
            "preferred",
            json!({ "nodeAffinity": { preferred_is: preferred } }),
            json!({ "nodeAffinity": { preferred_is: preferred, required_is: here } }),
        ),
        (
            "required",
            json!({ "nodeAffinity": { required_is: terms } }),
            json!({ "nodeAffinity": { required_is: here } }),
        ),
        (
            "both",
            json!({ "nodeAffinity": { required_is: terms, preferred_is: preferred } }),
            json!({ "nodeAffinity": { preferred_is: preferred, required_is: here } }),
        ),
    ] {
        let mut template = fixture::template("v1");
        template["spec"]["affinity"] = affinity;
        let plan = plan(&observe(json!({ "template": template }), vec![]));
        assert_eq!(fixture::body(&plan, &name("a", 0))["spec"]["affinity"], expected, "{what}");
    }
}

/// The name of a new revision is held by another object: that is counted first, then the next name is used (B8.5).
#[test]
fn a_taken_revision_name_is_counted_before_the_next_is_used() {
    for surface in [Surface::Berth, Surface::Apps] {
        let fresh = || {
            let mut observation = observe(json!({}), vec![]);
            observation.key.surface = surface;
            observation.revisions.clear();
            observation
        };
        let wanted = |observation: &Observation<Set>| {
            let plan = plan(observation);
            let made = plan.actions().find(|action| matches!(action.act, crate::plan::Act::Create { .. }));
            made.map(|action| action.act.object().name.clone())
        };
        let first = wanted(&fresh()).unwrap();
        let mut taken = fresh();
        let mut holder = (*revision::<Set>(&first, 1, "other")).clone();
        holder.metadata.owner_references.clear();
        holder.metadata.labels.clear();
        taken.revisions.push(Arc::new(holder));
        let counted = plan(&taken);
        let text = counted.actions().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        assert!(text.starts_with("write status") && counted.actions().count() == 1, "{text}");
        Arc::make_mut(&mut taken.set).status.collision_count = 1;
        let second = wanted(&taken).unwrap();
        assert!(second != first && second.starts_with("agent-"), "{second}");
    }
}

/// While it is not known whether the template is a new one, a pod that is made from the earlier one must not count as updated later.
#[test]
fn a_pod_of_an_earlier_template_has_no_generation() {
    let mut observation = native("2", json!({ "template": fixture::template("v2") }), vec![]);
    observation.revisions.retain(|revision| revision.metadata.name == "v1");
    observation.memory = crate::memory::Memory::default().established();
    let dry_run = berth_api::ObjectRef::new(berth_api::Resource::PodTemplates, "ns", "agent.dry-run");
    let asked = plan(&observation);
    let dry_run_action =
        asked.actions().find(|a| a.act.object() == &dry_run).expect("the API server is asked").clone();
    let outcome = crate::memory::Outcome::Rejected { message: "no", wait: None, reported: true };
    observation.memory.record(&dry_run_action, outcome, observation.now.mono);
    let body = fixture::body(&plan(&observation), &name("a", 0));
    assert_eq!(body["spec"]["containers"][0]["image"], "nginx:v1", "as the newest recorded revision has it");
    assert_eq!(body["metadata"]["labels"].get(LABEL), None);
}
