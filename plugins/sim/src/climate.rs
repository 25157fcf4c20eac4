//! How warm it is: outside by the time of day, inside by what gets lost and what is heated.

use crate::time::{DAY, Time};

/// Millionths of a degree Celsius.
pub(crate) type Micro = i64;

const DEGREE: Micro = 1_000_000;
/// Milliseconds in which two thirds of a difference to the outside are lost.
const TAU: i64 = 20 * 3_600_000;
/// What heating adds in an hour.
const HEATING: Micro = 3 * DEGREE;

/// The temperature outside: 3 degrees at three in the night, 13 in the afternoon.
pub(crate) fn outside(time: Time) -> Micro {
    let since_three = (time.second + DAY - 3 * 3_600) % DAY;
    let half = DAY / 2;
    let warm = half - since_three.abs_diff(half);
    3 * DEGREE + 10 * DEGREE * warm as i64 / half as i64
}

/// The air of a room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Air(Micro);

impl Air {
    /// At so many tenths of a degree.
    pub(crate) fn at(tenths: i64) -> Air {
        Air(tenths * DEGREE / 10)
    }

    /// Lets `span` milliseconds go by.
    pub(crate) fn pass(&mut self, span: u64, outside: Micro, is_heated: bool) {
        // More than half an hour at once would take more than there is.
        let span = span.min(1_800_000) as i64;
        self.0 += (outside - self.0) * span / TAU;
        if is_heated {
            self.0 += HEATING * span / 3_600_000;
        }
    }

    /// In tenths of a degree.
    pub(crate) fn tenths(self) -> i64 {
        (self.0 + DEGREE / 20).div_euclid(DEGREE / 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_warmest_in_the_afternoon() {
        let at = |hour: u64| {
            outside(Time {
                day: 0,
                second: hour * 3_600,
            }) / DEGREE
        };
        assert_eq!((at(3), at(9), at(15), at(21)), (3, 8, 13, 8));
    }

    #[test]
    fn a_room_gets_cold_unless_it_is_heated() {
        let (mut cold, mut warm) = (Air::at(210), Air::at(210));
        for _ in 0..3_600 {
            cold.pass(1_000, 3 * DEGREE, false);
            warm.pass(1_000, 3 * DEGREE, true);
        }
        assert_eq!((cold.tenths(), warm.tenths()), (201, 230));
        assert_eq!(Air::at(-5).tenths(), -5);
    }
}
