//! The operator as people run it, against a real control plane.
//!
//! Every test has a namespace, an operator process and a ServiceAccount of its own. The account is bound to the ClusterRole
//! that `deploy/rbac.yaml` ships, and to nothing else, so a right that is missing there fails a test here; and the API server's
//! audit log can be counted by user. What disturbs others (installing and removing the custom resources) has a control
//! plane of its own, in `as_shipped`.
//!
//! With `BERTH_TEST_CONTEXT=CONTEXT`, a context of the usual `KUBECONFIG`, nothing is started: the tests use that cluster, with the
//! kubectl from `PATH`, and real kubelets if it has them. **A test run owns the cluster.** It applies `crds/` and the namespace and
//! the rights of `deploy/`, labels all nodes that take any pod (`pool.tests.berth.dev/...`), and leaves these behind; no other Berth
//! may run there, nor another run of the tests. The namespaces, bindings and labels of the tests themselves are removed at the end of
//! each test, save those of a test that failed, which the next run removes.
//! What an existing cluster cannot give (simulated nodes, an audit log, custom resources that are missing) is left out; the test
//! says so (`cargo test -p berth-e2e --test apiserver -- --show-output`). Three worker nodes are enough; with fewer, more is left out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

mod admission;
mod admission_upgrade;
mod as_shipped;
mod chaos;
mod command_line;
mod counted;
mod daemon_drain;
mod daemon_placement;
mod daemon_restarts;
mod daemon_revisions;
mod daemon_rollout;
mod daemon_status;
mod daemon_surge;
mod deadline;
mod deployed;
mod image;
mod leadership;
mod live;
mod monitoring;
mod ordinal_claim_owners;
mod ordinal_claims;
mod ordinal_health;
mod ordinal_pods;
mod ordinal_recreate;
mod ordinal_rollout;
mod ordinal_scale;
mod ordinal_status;
mod ownership;
mod paused;
mod plan_apply;
mod refusals;
mod rollout_verbs;
mod schema;
mod stuck;
mod trouble;
mod uninstall;
mod verdicts;
