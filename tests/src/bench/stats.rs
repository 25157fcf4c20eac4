//! What is said of several measurements of the same thing.

/// The middle of several numbers, and how far they are spread.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Summary {
    /// Half are below, half above.
    pub median: f64,
    /// The distance between the quartiles.
    pub spread: f64,
}

impl Summary {
    /// Of `values`; 0 where there are none.
    pub fn of(values: &[f64]) -> Summary {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Summary {
            median: quantile(&sorted, 0.5),
            spread: quantile(&sorted, 0.75) - quantile(&sorted, 0.25),
        }
    }
}

/// The quantile of sorted numbers, between two of them in proportion.
fn quantile(sorted: &[f64], at: f64) -> f64 {
    let place = at * sorted.len().saturating_sub(1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let low = sorted.get(below).copied().unwrap_or(0.0);
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    low + (high - low) * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_quartiles() {
        let odd = Summary::of(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!((odd.median, odd.spread), (3.0, 2.0));
        let even = Summary::of(&[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((even.median, even.spread), (2.5, 1.5));
        assert_eq!(Summary::of(&[7.0]).spread, 0.0);
        assert_eq!(Summary::of(&[]).median, 0.0);
    }
}
