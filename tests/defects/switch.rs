//! Which defect is put back: what `BERTH_DEFECT` names. This file is added to a copy of the sources only (`tests/defects`).

use std::sync::OnceLock;

/// Whether it is this one.
pub fn is(name: &str) -> bool {
    static WANTED: OnceLock<String> = OnceLock::new();
    WANTED.get_or_init(|| std::env::var("BERTH_DEFECT").unwrap_or_default()) == name
}
