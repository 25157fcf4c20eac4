//! The figures of a series for each interval of a day.

use alloc::vec::Vec;

use serde_json::Value;

/// What a series was in an interval.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figures {
    /// When the interval begins, in minutes of the day.
    pub(crate) minute: u64,
    /// Samples in it.
    pub(crate) count: u64,
    /// The value at its end.
    pub(crate) last: Value,
    /// The least, the mean and the most of its numbers.
    pub(crate) numbers: Option<(f64, f64, f64)>,
}

/// The interval that is being filled.
#[derive(Debug)]
struct Open {
    begin: u64,
    count: u64,
    last: Value,
    least: f64,
    most: f64,
    /// The sum of values, each as many times as milliseconds that it held, and of these milliseconds.
    sum: f64,
    held: u64,
}

/// Takes the samples of one day in the order of their times. A value holds until the next one: the mean is that over the
/// time, and the value with which an interval begins counts in it.
#[derive(Debug)]
pub(crate) struct Figuring {
    /// When the day begins, and how long an interval is, in milliseconds.
    begin: u64,
    interval: u64,
    done: Vec<Figures>,
    open: Option<Open>,
    /// The number that holds, and since when.
    holds: Option<(f64, u64)>,
}

impl Figuring {
    /// For the day that begins then, with intervals of this length, both in milliseconds.
    pub(crate) fn new(begin: u64, interval: u64) -> Self {
        Figuring {
            begin,
            interval,
            done: Vec::new(),
            open: None,
            holds: None,
        }
    }

    pub(crate) fn push(&mut self, time: u64, value: Value) {
        let begin = time - time % self.interval;
        if self.open.as_ref().is_some_and(|open| open.begin < begin) {
            self.close();
        }
        if self.open.is_none() {
            self.open = Some(Open {
                begin,
                count: 0,
                last: Value::Null,
                least: f64::INFINITY,
                most: f64::NEG_INFINITY,
                sum: 0.0,
                held: 0,
            });
            if let Some((_, since)) = &mut self.holds {
                *since = begin;
            }
        }
        self.hold_until(time);
        self.holds = value.as_f64().map(|number| (number, time));
        if let Some(open) = &mut self.open {
            open.count += 1;
            if let Some(number) = value.as_f64() {
                open.least = open.least.min(number);
                open.most = open.most.max(number);
            }
            open.last = value;
        }
    }

    /// The figures of the day.
    pub(crate) fn finish(mut self) -> Vec<Figures> {
        self.close();
        self.done
    }

    /// The number that holds did so until `time`.
    fn hold_until(&mut self, time: u64) {
        if let (Some(open), Some((number, since))) = (&mut self.open, &mut self.holds) {
            let span = time.saturating_sub(*since);
            if span > 0 {
                open.least = open.least.min(*number);
                open.most = open.most.max(*number);
            }
            open.sum += *number * span as f64;
            open.held += span;
            *since = (*since).max(time);
        }
    }

    fn close(&mut self) {
        let Some(open) = &self.open else { return };
        self.hold_until(open.begin + self.interval);
        let Some(open) = self.open.take() else { return };
        let has_numbers = open.least <= open.most;
        let mean = match open.held {
            0 => open.most,
            held => open.sum / held as f64,
        };
        // The largest numbers have a sum that is none.
        let mean = if has_numbers && mean.is_finite() {
            mean.clamp(open.least, open.most)
        } else {
            open.most
        };
        self.done.push(Figures {
            minute: open.begin.saturating_sub(self.begin) / 60_000,
            count: open.count,
            last: open.last,
            numbers: has_numbers.then_some((open.least, mean, open.most)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;

    fn figures(samples: &[(u64, Value)]) -> Vec<Figures> {
        let mut figuring = Figuring::new(DAY, HOUR);
        for (minute, value) in samples {
            figuring.push(DAY + minute * 60_000, value.clone());
        }
        figuring.finish()
    }

    #[test]
    fn the_mean_is_over_the_time_that_values_held() {
        let all = figures(&[(0, json!(10)), (45, json!(30)), (90, json!(0))]);
        let numbers = |least, mean, most| Some((least, mean, most));
        assert_eq!(
            all,
            [
                Figures {
                    minute: 0,
                    count: 2,
                    last: json!(30),
                    numbers: numbers(10.0, 15.0, 30.0)
                },
                // Half an hour it was still 30.
                Figures {
                    minute: 60,
                    count: 1,
                    last: json!(0),
                    numbers: numbers(0.0, 15.0, 30.0)
                },
            ]
        );
        // An interval in which nothing changed has no figures of its own, and the one after it begins with its value.
        let all = figures(&[(0, json!(8)), (150, json!(4))]);
        assert_eq!(all[1].numbers, numbers(4.0, 6.0, 8.0));
        assert_eq!((all.len(), all[1].minute), (2, 120));
        // From its first sample on, where nothing is known before it.
        assert_eq!(figures(&[(30, json!(2))])[0].numbers, numbers(2.0, 2.0, 2.0));
    }

    #[test]
    fn what_is_no_number_has_a_count_and_its_last() {
        let all = figures(&[
            (1, json!("a")),
            (2, json!("b")),
            (70, json!(true)),
            (80, json!(null)),
        ]);
        assert_eq!(
            all[0],
            Figures {
                minute: 0,
                count: 2,
                last: json!("b"),
                numbers: None
            }
        );
        assert_eq!(
            all[1],
            Figures {
                minute: 60,
                count: 2,
                last: json!(null),
                numbers: None
            }
        );
        // A device that was away for a while.
        let all = figures(&[(0, json!(10)), (30, json!(null)), (45, json!(20))]);
        assert_eq!(
            all[0]
                .numbers
                .map(|(least, mean, most)| (least, (mean * 3.0).round(), most)),
            Some((10.0, 40.0, 20.0))
        );
    }

    #[test]
    fn a_clock_that_was_set_back_does_no_harm() {
        let all = figures(&[(50, json!(10)), (40, json!(20)), (59, json!(30))]);
        assert_eq!((all.len(), all[0].count), (1, 3));
        let (least, mean, most) = all[0].numbers.unwrap();
        assert!(least <= mean && mean <= most);
    }
}
