//! Which seeds are run.

/// The seeds of a test: `usual` of them, or as many as BERTH_SEEDS says, or the one that BERTH_SEED says.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("BERTH_SEED"), number("BERTH_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, many) => 0..many.unwrap_or(usual),
    }
}
