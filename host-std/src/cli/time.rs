//! Moments and spans, for people and for programs.

pub(crate) use crate::calendar::rfc3339;

/// A span in microseconds with some three digits: `740us`, `1.25ms`, `31.0s`, `2h05m`.
pub(crate) fn span(micros: u64) -> String {
    // The limits are where rounding would show a fourth digit.
    match micros {
        0..1000 => format!("{micros}us"),
        1000..999_950 => scaled(micros, 1e3, "ms"),
        999_950..60_000_000 => scaled(micros, 1e6, "s"),
        60_000_000..3_600_000_000 => {
            let seconds = micros / 1_000_000;
            format!("{}m{:02}s", seconds / 60, seconds % 60)
        }
        _ => {
            let minutes = micros / 60_000_000;
            format!("{}h{:02}m", minutes / 60, minutes % 60)
        }
    }
}

fn scaled(micros: u64, unit: f64, name: &str) -> String {
    let value = micros as f64 / unit;
    if value < 9.995 {
        format!("{value:.2}{name}")
    } else {
        format!("{value:.1}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (micros, text) in [
            (0, "0us"),
            (999, "999us"),
            (1250, "1.25ms"),
            (9_999, "10.0ms"),
            (740_000, "740.0ms"),
            (999_949, "999.9ms"),
            (999_950, "1.00s"),
            (31_000_000, "31.0s"),
            (125_000_000, "2m05s"),
            (7_500_000_000, "2h05m"),
        ] {
            assert_eq!(span(micros), text);
        }
    }
}
