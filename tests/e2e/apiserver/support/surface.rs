//! The two API surfaces. A test of sets is a function of the surface: it is written once and runs on both.

use std::env;
use std::thread;

use serde_json::{Value, json};

use super::existing;
use super::read::{DS, Kind, NDS, OSET, STS};

/// Whose sets a test makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The custom resources.
    Berth,
    /// The native kinds, on a control plane whose kube-controller-manager leaves them alone.
    Apps,
}

/// A test for either surface.
pub type Row = fn(Surface);

impl Surface {
    /// The kind of the ordinal sets.
    pub fn set(self) -> Kind {
        match self {
            Self::Berth => OSET,
            Self::Apps => STS,
        }
    }

    /// The name of that kind, as it stands in owner references and events.
    pub fn name(self) -> &'static str {
        match self {
            Self::Berth => "OrdinalSet",
            Self::Apps => "StatefulSet",
        }
    }

    /// The kind of the node daemon sets.
    pub fn daemons(self) -> Kind {
        match self {
            Self::Berth => NDS,
            Self::Apps => DS,
        }
    }

    /// The name of that kind, as it stands in owner references and events.
    pub fn daemon_name(self) -> &'static str {
        match self {
            Self::Berth => "NodeDaemonSet",
            Self::Apps => "DaemonSet",
        }
    }

    /// The API version of the sets.
    pub fn version(self) -> &'static str {
        match self {
            Self::Berth => "berth.dev/v1",
            Self::Apps => "apps/v1",
        }
    }

    /// The argument by which `berth run` serves it.
    pub fn argument(self) -> &'static str {
        match self {
            Self::Berth => "--apis=berth",
            Self::Apps => "--apis=apps",
        }
    }

    /// The ClusterRoles that `deploy/` ships for it.
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Berth => &["berth"],
            Self::Apps => &["berth", "berth-apps"],
        }
    }

    /// The namespace of a test that runs on both.
    pub fn namespace(self, name: &str) -> String {
        match self {
            Self::Berth => name.to_owned(),
            Self::Apps => format!("{name}-apps"),
        }
    }

    /// The manifest of a set as it is for this surface; others are left as they are.
    pub fn of(self, manifest: &Value) -> Value {
        let mut manifest = manifest.clone();
        let kind = match &manifest["kind"] {
            kind if *kind == Self::Berth.name() => self.name(),
            kind if *kind == Self::Berth.daemon_name() => self.daemon_name(),
            _ => return manifest,
        };
        (manifest["apiVersion"], manifest["kind"]) = (json!(self.version()), json!(kind));
        manifest
    }
}

/// Runs tests at the same time, for they mostly wait; each has a namespace of its own. `BERTH_TEST_ROW=PART` runs those alone
/// whose names contain it.
pub fn run(surface: Surface, rows: &[(&'static str, Row)]) {
    if surface == Surface::Apps
        && existing::leaves_out("the native kinds are kube-controller-manager's there")
    {
        return;
    }
    let part = env::var("BERTH_TEST_ROW").unwrap_or_default();
    let rows = rows.iter().filter(|(name, _)| name.contains(&part));
    let failed: Vec<&str> = thread::scope(|scope| {
        let start = |(name, row): &(&'static str, Row)| {
            let (name, row) = (*name, *row);
            let thread = thread::Builder::new().name(format!("{name} on {surface:?}"));
            (name, thread.spawn_scoped(scope, move || row(surface)).unwrap())
        };
        let running: Vec<_> = rows.map(start).collect();
        running.into_iter().filter_map(|(name, row)| row.join().err().map(|_| name)).collect()
    });
    assert!(failed.is_empty(), "these failed, see above: {failed:#?}");
}

/// The tests of a file: one for each surface, of rows that run at the same time.
macro_rules! rows {
    (on $surface:ident: $($row:ident),+ $(,)?) => {
        $crate::support::surface::run(
            $crate::support::Surface::$surface,
            &[$((stringify!($row), $row as $crate::support::surface::Row)),+],
        )
    };
    ($($row:ident),+ $(,)?) => {
        #[test]
        fn on_berth() {
            $crate::support::surface::rows!(on Berth: $($row),+);
        }

        #[test]
        fn on_apps() {
            $crate::support::surface::rows!(on Apps: $($row),+);
        }
    };
}
pub(crate) use rows;
