//! What the operator cost the API server, counted from its audit log.

use std::collections::BTreeMap;

use berth_cluster::AuditEvent;

const VERBS: [&str; 4] = ["create", "patch", "update", "delete"];

/// The writes of `user` per resource and verb, dry runs and refusals apart, and writes per pod.
pub fn report(events: &[AuditEvent], user: &str) -> Vec<String> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for event in events.iter().filter(|event| event.user == user) {
        let resource = match event.subresource.as_str() {
            "" => event.resource.clone(),
            part => format!("{}/{part}", event.resource),
        };
        counts.entry(resource).or_default().add(event);
    }
    let mut lines = vec![
        "Writes by the operator, from the API server's audit log (leases and events are not in it)"
            .to_owned(),
        format!(
            "    {:<24}{:>8}{:>8}{:>8}{:>8}{:>10}{:>10}",
            "RESOURCE", "CREATE", "PATCH", "UPDATE", "DELETE", "REFUSED", "DRY RUNS"
        ),
    ];
    let mut total = Count::default();
    for (resource, count) in &counts {
        lines.push(count.line(resource));
        total.join(count);
    }
    lines.push(total.line("together"));
    let pods = counts.get("pods").map_or(0, |count| count.done("create"));
    if pods > 0 {
        let per_pod = |writes: u32| format!("{:.2}", f64::from(writes) / f64::from(pods));
        let parts: Vec<String> =
            counts.iter().map(|(resource, count)| format!("{resource} {}", per_pod(count.all()))).collect();
        lines.push(format!(
            "    per pod that was made ({pods}): {} writes ({})",
            per_pod(total.all()),
            parts.join(", ")
        ));
    }
    lines
}

#[derive(Debug, Default)]
struct Count {
    done: BTreeMap<String, u32>,
    refused: u32,
    dry: u32,
}

impl Count {
    fn add(&mut self, event: &AuditEvent) {
        if event.dry_run {
            self.dry += 1;
        } else if event.code >= 400 {
            self.refused += 1;
        } else {
            *self.done.entry(event.verb.clone()).or_default() += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        for (verb, count) in &other.done {
            *self.done.entry(verb.clone()).or_default() += count;
        }
        self.refused += other.refused;
        self.dry += other.dry;
    }

    fn done(&self, verb: &str) -> u32 {
        self.done.get(verb).copied().unwrap_or_default()
    }

    fn all(&self) -> u32 {
        self.done.values().sum()
    }

    fn line(&self, name: &str) -> String {
        let verbs: String = VERBS.iter().map(|verb| format!("{:>8}", self.done(verb))).collect();
        format!("    {name:<24}{verbs}{:>10}{:>10}", self.refused, self.dry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dry_runs_refusals_and_strangers_are_kept_apart() {
        let event = |user: &str, verb: &str, resource: &str, code, dry_run| AuditEvent {
            timestamp: String::new(),
            user: user.into(),
            user_agent: String::new(),
            verb: verb.into(),
            group: String::new(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: String::new(),
            name: String::new(),
            code,
            dry_run,
            uid: String::new(),
        };
        let events = [
            event("we", "create", "pods", 201, false),
            event("we", "create", "pods", 201, true),
            event("we", "create", "pods", 409, false),
            event("we", "delete", "pods", 200, false),
            event("they", "create", "pods", 201, false),
        ];
        let lines = report(&events, "we");
        assert_eq!(
            lines[2],
            "    pods                           1       0       0       1         1         1"
        );
        assert_eq!(lines[4], "    per pod that was made (1): 2.00 writes (pods 2.00)");
    }
}
