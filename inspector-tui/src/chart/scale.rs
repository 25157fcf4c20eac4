//! Where an axis has its marks, and how they are written.

/// The span of the values, a little widened so that a line is not on the frame.
pub fn span(low: f64, high: f64) -> (f64, f64) {
    let room = match high - low {
        0.0 if low == 0.0 => 1.0,
        0.0 => low.abs() * 0.1,
        apart => apart * 0.05,
    };
    // What is never below zero is not drawn as if it could be.
    let bottom = if low >= 0.0 {
        (low - room).max(0.0)
    } else {
        low - room
    };
    (bottom, high + room)
}

/// About `count` round values between two.
pub fn marks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let apart = (high - low) / count.max(1) as f64;
    if !(apart > 0.0 && apart.is_finite()) {
        return Vec::new();
    }
    let power = 10f64.powf(apart.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|step| *step >= apart)
        .unwrap_or(apart);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|nth| nth as f64 * step).collect()
}

/// The times that are marked between two, in microseconds, about `count` of them: round ones by a clock whose zero
/// was at `epoch`.
pub fn times(from: u64, to: u64, count: usize, epoch: Option<u64>) -> Vec<u64> {
    const STEPS: [u64; 18] = [
        1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    ];
    let seconds = to.saturating_sub(from) / super::SECOND / count.max(1) as u64;
    let step = STEPS.into_iter().find(|step| *step > seconds).unwrap_or(seconds) * super::SECOND;
    let zero = epoch.unwrap_or(0);
    let first = (zero + from).div_ceil(step);
    (first..=(zero + to) / step)
        .map(|nth| nth * step - zero)
        .collect()
}

/// A number as short as it can be read: `21.5`, `0.004`, `12.3k`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let (scaled, unit) = match size {
        1e15.. => return format!("{value:.2e}"),
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = match scaled.abs() {
        0.0 => "0".to_owned(),
        100.0.. => format!("{scaled:.1}"),
        1.0.. => format!("{scaled:.2}"),
        0.001.. => format!("{scaled:.4}"),
        _ => return format!("{value:.1e}"),
    };
    let short = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    format!("{short}{unit}")
}

/// A number with its unit.
pub fn with_unit(value: f64, unit: &str) -> String {
    // `12/s` and `12%`, but `12 C`.
    let apart = if unit.starts_with(|c: char| c.is_alphanumeric() || c == '°') {
        " "
    } else {
        ""
    };
    format!("{}{apart}{unit}", number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_between() {
        assert_eq!(marks(18.7, 22.4, 4), [19.0, 20.0, 21.0, 22.0]);
        assert_eq!(marks(0.0, 1.0, 5), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(marks(-30.0, 30.0, 3), [-20.0, 0.0, 20.0]);
        assert!(marks(1.0, 1.0, 4).is_empty() && marks(f64::NAN, 1.0, 4).is_empty());
        let marks = [60_000_000, 90_000_000, 120_000_000];
        assert_eq!(times(59_000_000, 121_000_000, 3, None), marks);
        assert_eq!(times(59_000_000, 121_000_000, 3, Some(60_000_000)), marks);
        assert_eq!(
            times(59_000_000, 121_000_000, 3, Some(7_000_000)),
            [83_000_000, 113_000_000]
        );
    }

    #[test]
    fn numbers_are_short() {
        let all = [0.0, 21.5, 0.0042, 1234.56, 12_345.0, -3.0, 2.5e9, 1e-7, 1e20].map(number);
        assert_eq!(
            all,
            [
                "0", "21.5", "0.0042", "1234.6", "12.35k", "-3", "2.5G", "1.0e-7", "1.00e20"
            ]
        );
    }

    #[test]
    fn units_stand_beside_numbers() {
        let all = ["", "/s", "%", "C", "°C"].map(|unit| with_unit(1.5, unit));
        assert_eq!(all, ["1.5", "1.5/s", "1.5%", "1.5 C", "1.5 °C"]);
    }

    #[test]
    fn a_flat_line_is_in_the_middle() {
        assert_eq!(span(0.0, 0.0), (0.0, 1.0));
        assert_eq!(span(20.0, 20.0), (18.0, 22.0));
        assert_eq!(span(-1.0, 1.0), (-1.1, 1.1));
    }
}
