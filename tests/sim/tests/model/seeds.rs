//! Which seeds are run.

/// The seeds of a test: `usual` of them, or as many as BERTH_SEEDS says, or the one that BERTH_SEED says.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("BERTH_SEED"), number("BERTH_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, many) => 0..many.unwrap_or(usual),
    }
}

/// Ten seeds, and for each of them the six lists that an operator begins with: in the same world they come in the same order.
pub fn seeds_and_lists() -> impl Iterator<Item = (u64, u64)> {
    (0..10).flat_map(|seed| (0..6).map(move |list| (seed, list)))
}
