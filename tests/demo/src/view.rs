//! The compact live view of a step: which rows it has, and how they are laid out.

use crate::screen::{Span, Tone};
use crate::world::{Pod, World};

/// What the view is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The pods of an ordinal set, with their claims.
    Ordinals(&'static str),
    /// All nodes, and on each the pods of node daemon sets.
    Nodes(&'static [&'static str]),
    /// Some sets, as their status tells it.
    Sets(&'static [&'static str]),
}

/// A line of the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub key: String,
    /// A text for each column.
    pub cells: Vec<Span>,
}

/// A table with a title.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub title: String,
    pub columns: Vec<(&'static str, usize)>,
    pub rows: Vec<Row>,
}

impl View {
    /// The view of `focus` on the world as it was seen.
    pub fn of(world: &World, focus: Focus) -> Self {
        match focus {
            Focus::Ordinals(set) => ordinals(world, set),
            Focus::Nodes(sets) => nodes(world, sets),
            Focus::Sets(sets) => by_status(world, sets),
        }
    }

    /// The title, the header and the rows.
    pub fn lines(&self) -> Vec<Vec<Span>> {
        let header: Vec<Span> = self.columns.iter().map(|(name, _)| Span::new(Tone::Dim, *name)).collect();
        let header = self.row(&Row { key: String::new(), cells: header });
        let title =
            (!self.title.is_empty()).then(|| vec![Span::new(Tone::Strong, format!("   {}", self.title))]);
        title.into_iter().chain([header]).chain(self.rows.iter().map(|row| self.row(row))).collect()
    }

    /// A row with its cells under their columns.
    pub fn row(&self, row: &Row) -> Vec<Span> {
        let mut spans = vec![Span::new(Tone::Plain, "   ")];
        for (cell, (_, width)) in row.cells.iter().zip(&self.columns) {
            spans.push(Span::new(cell.tone, format!("{:<width$}  ", cell.text)));
        }
        spans
    }
}

fn title(world: &World, name: &str) -> String {
    world.sets.get(name).map_or_else(String::new, |set| {
        format!("{} {name}: {} wanted, {} ready, {} updated", set.kind, set.desired, set.ready, set.updated)
    })
}

fn ordinals(world: &World, set: &str) -> View {
    let columns = vec![("POD", 9), ("STATE", 17), ("REVISION", 10), ("NODE", 18), ("CLAIM", 24)];
    let update = world.sets.get(set).map_or("", |set| &set.update_revision);
    let mut rows: Vec<Row> = vec![];
    for pod in world.pods_of(set) {
        let claims: Vec<String> = pod.claims.iter().map(|name| claim(world, name)).collect();
        rows.push(Row {
            key: pod.name.clone(),
            cells: vec![
                Span::new(Tone::Plain, &pod.name),
                state(pod),
                revision(pod, update),
                Span::new(Tone::Plain, &pod.node),
                Span::new(Tone::Dim, claims.join(", ")),
            ],
        });
    }
    // A claim without its pod is what scaling down, and a pod that comes back, are about.
    let mark = format!("-{set}-");
    for name in world.claims.keys() {
        let Some(start) = name.find(&mark) else { continue };
        let pod = &name[start + 1..];
        if !world.pods.contains_key(pod) {
            let mut cells = vec![Span::new(Tone::Dim, pod), Span::new(Tone::Busy, "(no pod)")];
            cells.extend([Span::default(), Span::default(), Span::new(Tone::Dim, claim(world, name))]);
            rows.push(Row { key: pod.to_owned(), cells });
        }
    }
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    View { title: title(world, set), columns, rows }
}

fn claim(world: &World, name: &str) -> String {
    let phase = world.claims.get(name).map_or("missing", |claim| &claim.phase);
    format!("{name} {phase}")
}

fn nodes(world: &World, sets: &[&'static str]) -> View {
    let mut columns = vec![("NODE", 18)];
    columns.extend(sets.iter().map(|set| (*set, 34)));
    columns.push(("TAINTS AND LABELS", 20));
    let rows = world.nodes.iter().map(|(name, node)| {
        let mut cells = vec![Span::new(Tone::Plain, name)];
        for set in sets {
            let update = world.sets.get(*set).map_or("", |set| &set.update_revision);
            // While a successor starts, its predecessor may still be leaving; the successor is of more interest.
            let pod = world.pods_of(set).filter(|pod| pod.node == *name).min_by_key(|pod| pod.terminating);
            cells.push(pod.map_or_else(
                || Span::new(Tone::Dim, "-"),
                |pod| {
                    let new = revision(pod, update);
                    let state = state(pod);
                    let tone = if pod.ready() { new.tone } else { state.tone };
                    let tone = if tone == Tone::Plain { Tone::Good } else { tone };
                    Span::new(tone, format!("{} {}", state.text, new.text))
                },
            ));
        }
        let logging = node.labels.get("logging").map(|value| format!("logging={value}"));
        let notes: Vec<String> = node.taints.iter().cloned().chain(logging).collect();
        cells.push(Span::new(Tone::Dim, notes.join(" ")));
        Row { key: name.clone(), cells }
    });
    let titles = sets.iter().map(|set| title(world, set)).filter(|title| !title.is_empty());
    View { title: titles.collect::<Vec<_>>().join("; "), columns, rows: rows.collect() }
}

fn by_status(world: &World, sets: &[&str]) -> View {
    let columns = vec![("SET", 12), ("KIND", 12), ("WANTED", 6), ("READY", 6), ("UPDATED", 7)];
    let rows = sets.iter().filter_map(|name| {
        let set = world.sets.get(*name)?;
        let tone = if set.ready == set.desired { Tone::Good } else { Tone::Busy };
        let cells = vec![
            Span::new(Tone::Plain, *name),
            Span::new(Tone::Dim, set.kind),
            Span::new(Tone::Plain, set.desired.to_string()),
            Span::new(tone, set.ready.to_string()),
            Span::new(Tone::Plain, set.updated.to_string()),
        ];
        Some(Row { key: (*name).to_owned(), cells })
    });
    View { title: String::new(), columns, rows: rows.collect() }
}

fn state(pod: &Pod) -> Span {
    let tone = match pod.state.as_str() {
        "Ready" => Tone::Good,
        "Pending" | "Terminating" | "NotReady" => Tone::Busy,
        _ => Tone::Bad,
    };
    Span::new(tone, &pod.state)
}

/// The revision, standing out while it is the new one.
fn revision(pod: &Pod, update: &str) -> Span {
    let new = update.rsplit('-').next() == Some(pod.short_revision());
    Span::new(if new { Tone::Plain } else { Tone::Accent }, pod.short_revision())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Claim, Set};

    #[test]
    fn pods_stand_beside_their_claims_and_lonely_claims_have_rows() {
        let mut world = World::default();
        let pod = Pod {
            name: "nginx-0".into(),
            set: "nginx".into(),
            node: "node-3".into(),
            revision: "nginx-5c6d7f".into(),
            state: "Ready".into(),
            claims: vec!["www-nginx-0".into()],
            ..Pod::default()
        };
        world.pods.insert(pod.name.clone(), pod);
        for name in ["www-nginx-0", "www-nginx-1"] {
            world.claims.insert(name.into(), Claim { uid: name.into(), phase: "Bound".into() });
        }
        let set = Set { kind: "OrdinalSet", desired: 2, ready: 1, updated: 1, ..Set::default() };
        world.sets.insert("nginx".into(), set);

        let view = View::of(&world, Focus::Ordinals("nginx"));
        let lines = view.lines();
        let lines: Vec<String> = lines
            .iter()
            .map(|l| l.iter().map(|s| s.text.as_str()).collect::<String>().trim_end().to_owned())
            .collect();
        assert_eq!(
            lines,
            [
                "   OrdinalSet nginx: 2 wanted, 1 ready, 1 updated",
                "   POD        STATE              REVISION    NODE                CLAIM",
                "   nginx-0    Ready              5c6d7f      node-3              www-nginx-0 Bound",
                "   nginx-1    (no pod)                                           www-nginx-1 Bound",
            ]
        );
    }
}
