//! Counts that may be given as a percentage.

use crate::ordinal_set::IntOrPercent;

/// How a percentage of a count is rounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Down, as for ordinal sets (A9.4).
    Down,
    /// Up, as for node daemon sets (B6.1).
    Up,
}

/// The count that `value` means when a whole is `total` pods or nodes; never negative.
///
/// # Errors
/// A sentence, when the value is neither a number nor a percentage.
pub fn scaled(value: &IntOrPercent, total: i64, rounding: Rounding) -> Result<i64, String> {
    match value {
        IntOrPercent::Int(count) => Ok(i64::from(*count).max(0)),
        IntOrPercent::Percent(text) => {
            let percent: i64 = text
                .strip_suffix('%')
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|digits| digits.parse::<i32>().ok())
                .map(i64::from)
                .ok_or_else(|| format!("{text:?} is neither a number nor a percentage such as \"25%\""))?;
            let hundredths = total.saturating_mul(percent);
            Ok(match rounding {
                Rounding::Down => hundredths / 100,
                Rounding::Up => hundredths.div_euclid(100) + i64::from(hundredths.rem_euclid(100) > 0),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales() {
        let percent = |text: &str| IntOrPercent::Percent(text.to_owned());
        for (value, total, rounding, expected) in [
            (IntOrPercent::Int(3), 10, Rounding::Down, 3),
            (IntOrPercent::Int(-3), 10, Rounding::Down, 0),
            (percent("25%"), 10, Rounding::Down, 2),
            (percent("25%"), 10, Rounding::Up, 3),
            (percent("100%"), i64::from(i32::MAX), Rounding::Up, i64::from(i32::MAX)),
            (percent("0%"), 10, Rounding::Up, 0),
        ] {
            assert_eq!(scaled(&value, total, rounding), Ok(expected), "{value:?} of {total}");
        }
        for bad in ["", "%", "-1%", "ten", "1.5%", "99999999999%"] {
            assert!(scaled(&percent(bad), 10, Rounding::Up).is_err(), "{bad}");
        }
    }
}
