//! Who wrote what, from the API server's audit log. Events and leases are not in it.

use super::World;

/// Berth's account, wherever it runs.
pub const BERTH: &str = "system:serviceaccount:berth-system:berth";
/// The accounts of the two controllers of kube-controller-manager whose work it does.
pub const UPSTREAM: [&str; 2] = [
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
];

/// A moment in the log.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl World {
    /// This moment.
    pub fn mark(&self) -> Mark {
        Mark(self.cluster.audit().unwrap().len())
    }

    /// The write requests of these accounts to the namespace `default` since a moment, without dry runs.
    pub fn acts(&self, users: &[&str], since: Mark) -> Vec<berth_cluster::AuditEvent> {
        let mut events = self.cluster.audit().unwrap().split_off(since.0);
        events.retain(|event| {
            users.contains(&event.user.as_str()) && event.namespace == "default" && !event.dry_run
        });
        events
    }

    /// What was written by these accounts to the namespace `default` since a moment: `patch statefulsets/status web`, ...
    /// Dry runs are left out, refused requests are not.
    pub fn writes(&self, users: &[&str], since: Mark) -> Vec<String> {
        let ours = self.acts(users, since).into_iter();
        let line = |event: berth_cluster::AuditEvent| {
            let slash = if event.subresource.is_empty() { "" } else { "/" };
            format!("{} {}{slash}{} {}", event.verb, event.resource, event.subresource, event.name)
        };
        ours.map(line).collect()
    }

    /// The writes that are not to a status.
    pub fn deeds(&self, users: &[&str], since: Mark) -> Vec<String> {
        let mut writes = self.writes(users, since);
        writes.retain(|write| !write.contains("/status "));
        writes
    }

    /// Fails if these accounts wrote anything.
    pub fn assert_silent(&self, users: &[&str], since: Mark, when: &str) {
        let writes = self.writes(users, since);
        assert!(writes.is_empty(), "{when}: {writes:#?}");
    }
}
