//! Questions about the order in which things happened to pods.

use crate::world::{Moment, Pod};

/// The names of the pods that `which` is true of, in the order in which it first became so.
pub fn order(past: &[Moment], which: impl Fn(&Moment) -> bool) -> Vec<&str> {
    let mut names: Vec<&str> = vec![];
    for moment in past.iter().filter(|moment| which(moment)) {
        if !names.contains(&moment.pod.name.as_str()) {
            names.push(&moment.pod.name);
        }
    }
    names
}

/// Whether the pods were made in this order, each only after the one before it was Ready.
pub fn came_in_order(past: &[Moment], names: &[&str]) -> Result<(), String> {
    for pair in names.windows(2) {
        let [before, after] = pair else { continue };
        let ready = first(past, |moment| moment.pod.name == *before && moment.pod.ready());
        let made = first(past, |moment| moment.pod.name == *after && !moment.gone);
        match (ready, made) {
            (Some(ready), Some(made)) if ready < made => {}
            (_, None) => return Err(format!("{after} was not made")),
            _ => return Err(format!("{after} was made before {before} was Ready")),
        }
    }
    Ok(())
}

/// Whether the pods were told to go in this order, each only after the one before it was gone.
pub fn left_in_order(past: &[Moment], names: &[&str]) -> Result<(), String> {
    for pair in names.windows(2) {
        let [before, after] = pair else { continue };
        let gone = first(past, |moment| moment.pod.name == *before && moment.gone);
        let told = first(past, |moment| moment.pod.name == *after && (moment.pod.terminating || moment.gone));
        match (gone, told) {
            (Some(gone), Some(told)) if gone < told => {}
            (_, None) => return Err(format!("{after} did not go")),
            _ => return Err(format!("{after} was told to go before {before} was gone")),
        }
    }
    Ok(())
}

/// Whether the old pods were replaced in this order, each successor being Ready before the next old pod was touched.
pub fn replaced_in_order(
    past: &[Moment],
    names: &[&str],
    fresh: impl Fn(&Pod) -> bool,
) -> Result<(), String> {
    let told = order(past, |moment| moment.pod.terminating || moment.gone);
    if told != names {
        return Err(format!("the order was {}", told.join(", ")));
    }
    for pair in names.windows(2) {
        let [before, after] = pair else { continue };
        let ready = first(past, |m| m.pod.name == *before && m.pod.ready() && fresh(&m.pod));
        let told = first(past, |m| m.pod.name == *after && (m.pod.terminating || m.gone));
        if ready.is_none() || ready > told {
            return Err(format!("{after} was replaced before the new {before} was Ready"));
        }
    }
    Ok(())
}

fn first(past: &[Moment], which: impl Fn(&Moment) -> bool) -> Option<usize> {
    past.iter().position(which)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(name: &str, ready: bool, going: bool, gone: bool) -> Moment {
        let pod = Pod {
            name: name.to_owned(),
            ready_since: ready.then_some(jiff::Timestamp::UNIX_EPOCH),
            terminating: going,
            ..Pod::default()
        };
        Moment { pod, gone }
    }

    #[test]
    fn order_of_coming() {
        let (made, ready) = (|n| moment(n, false, false, false), |n| moment(n, true, false, false));
        let past = [made("a"), ready("a"), made("b"), ready("b")];
        assert_eq!(came_in_order(&past, &["a", "b"]), Ok(()));
        let past = [made("a"), made("b"), ready("a"), ready("b")];
        assert!(came_in_order(&past, &["a", "b"]).is_err());
        assert!(came_in_order(&past[..1], &["a", "b"]).is_err());
    }

    #[test]
    fn order_of_going() {
        let (told, gone) = (|n| moment(n, false, true, false), |n| moment(n, false, true, true));
        let past = [told("b"), gone("b"), told("a"), gone("a")];
        assert_eq!(left_in_order(&past, &["b", "a"]), Ok(()));
        let past = [told("b"), told("a"), gone("b"), gone("a")];
        assert!(left_in_order(&past, &["b", "a"]).is_err());
    }

    #[test]
    fn order_of_replacement() {
        let (told, ready) = (|n| moment(n, false, true, false), |n| moment(n, true, false, false));
        let past = [told("b"), ready("b"), told("a"), ready("a")];
        assert_eq!(replaced_in_order(&past, &["b", "a"], |_| true), Ok(()));
        assert!(replaced_in_order(&past, &["a", "b"], |_| true).is_err());
        let past = [told("b"), told("a"), ready("b"), ready("a")];
        assert!(replaced_in_order(&past, &["b", "a"], |_| true).is_err());
    }
}
