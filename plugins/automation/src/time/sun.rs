//! Sunrise and sunset, by the equations of NOAA's solar calculator: within a minute or two below the polar circles, and
//! within some minutes near the days on which the sun ceases to rise or to set.

use libm::{acos, asin, cos, sin, tan};

/// A place on the earth, in degrees, north and east being positive.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Place {
    pub(crate) latitude: f64,
    pub(crate) longitude: f64,
}

/// What the sun does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SunEvent {
    Rise,
    Set,
}

/// How far the sun's middle is from the zenith when its upper edge is seen at the horizon, with refraction.
const ZENITH: f64 = 90.833;

/// Days from noon of January 1, 2000, to the Unix epoch.
const EPOCH: f64 = -10_957.5;

/// Each look is at where the sun is at the time that the one before came to.
const LOOKS: u32 = 3;

impl Place {
    /// When it happens around the noon that this place has in the UTC day `day` (days since the Unix epoch), in
    /// milliseconds since the epoch; `None` when the sun stays up, or down.
    pub(crate) fn event(self, event: SunEvent, day: i64) -> Option<i64> {
        let mut minutes = 720.0 - 4.0 * self.longitude;
        for _ in 0..LOOKS {
            let sun = Sun::at(day as f64 + minutes / 1_440.0 + EPOCH);
            let noon = 720.0 - 4.0 * self.longitude - sun.equation_of_time;
            let half_day = 4.0 * sun.hour_angle(self.latitude)?;
            minutes = match event {
                SunEvent::Rise => noon - half_day,
                SunEvent::Set => noon + half_day,
            };
        }
        Some(day * 86_400_000 + libm::round(minutes * 60_000.0) as i64)
    }
}

/// Where the sun is.
struct Sun {
    /// Radians.
    declination: f64,
    /// Minutes by which a sundial is ahead.
    equation_of_time: f64,
}

impl Sun {
    /// `days` since noon of January 1, 2000.
    fn at(days: f64) -> Sun {
        let t = days / 36_525.0;
        let longitude = (280.466_46 + t * (36_000.769_83 + t * 0.000_303_2)).to_radians();
        let anomaly = (357.529_11 + t * (35_999.050_29 - 0.000_153_7 * t)).to_radians();
        let eccentricity = 0.016_708_634 - t * (0.000_042_037 + 0.000_000_126_7 * t);
        let center = sin(anomaly) * (1.914_602 - t * (0.004_817 + 0.000_014 * t))
            + sin(2.0 * anomaly) * (0.019_993 - 0.000_101 * t)
            + sin(3.0 * anomaly) * 0.000_289;
        let node = (125.04 - 1_934.136 * t).to_radians();
        let apparent = longitude + (center - 0.005_69 - 0.004_78 * sin(node)).to_radians();
        let mean_obliquity =
            23.0 + (26.0 + (21.448 - t * (46.815 + t * (0.000_59 - t * 0.001_813))) / 60.0) / 60.0;
        let obliquity = (mean_obliquity + 0.002_56 * cos(node)).to_radians();
        let y = tan(obliquity / 2.0) * tan(obliquity / 2.0);
        let equation = y * sin(2.0 * longitude) - 2.0 * eccentricity * sin(anomaly)
            + 4.0 * eccentricity * y * sin(anomaly) * cos(2.0 * longitude)
            - 0.5 * y * y * sin(4.0 * longitude)
            - 1.25 * eccentricity * eccentricity * sin(2.0 * anomaly);
        Sun {
            declination: asin(sin(obliquity) * sin(apparent)),
            equation_of_time: 4.0 * equation.to_degrees(),
        }
    }

    /// Degrees from noon to sunset; `None` when there is none.
    fn hour_angle(&self, latitude: f64) -> Option<f64> {
        let latitude = latitude.to_radians();
        let cosine = cos(ZENITH.to_radians()) / (cos(latitude) * cos(self.declination))
            - tan(latitude) * tan(self.declination);
        (-1.0..=1.0).contains(&cosine).then(|| acos(cosine).to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes since the epoch of a time in UTC.
    fn minutes(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second() / 60
    }

    /// Place, north, east, and when the sun rises and sets there by published tables (timeanddate.com).
    const PUBLISHED: [(&str, f64, f64, &str, &str); 11] = [
        ("London", 51.473, -0.001, "2015-12-01T07:43Z", "2015-12-01T15:55Z"),
        ("London", 51.473, -0.001, "2015-12-25T08:05Z", "2015-12-25T15:56Z"),
        ("Greenwich", 51.477, 0.0, "2013-06-21T03:43Z", "2013-06-21T20:21Z"),
        (
            "Beijing",
            39.914,
            116.392,
            "2019-11-30T23:16Z",
            "2019-12-01T08:50Z",
        ),
        ("Moscow", 55.753, 37.622, "2019-12-01T05:34Z", "2019-12-01T13:02Z"),
        (
            "New York",
            40.713,
            -74.006,
            "2019-12-01T12:00Z",
            "2019-12-01T21:29Z",
        ),
        (
            "Sao Paulo",
            -23.55,
            -46.633,
            "2019-12-01T08:11Z",
            "2019-12-01T21:39Z",
        ),
        (
            "Sydney",
            -33.856,
            151.207,
            "2019-11-30T18:37Z",
            "2019-12-01T08:50Z",
        ),
        (
            "Wellington",
            -41.29,
            174.78,
            "2020-02-10T17:38Z",
            "2020-02-11T07:31Z",
        ),
        ("Quito", -0.25, -78.583, "2013-03-21T11:18Z", "2013-03-21T23:25Z"),
        (
            "Reykjavik",
            64.067,
            -21.967,
            "2013-01-01T11:18Z",
            "2013-01-01T15:45Z",
        ),
    ];

    #[test]
    fn it_is_as_published_to_two_minutes() {
        for (name, latitude, longitude, rises, sets) in PUBLISHED {
            let place = Place { latitude, longitude };
            let noon = (minutes(rises) + minutes(sets)) / 2;
            // The noon of this place is in one day by UTC.
            let day = (noon as f64 - (720.0 - 4.0 * longitude)) / 1_440.0;
            let day = libm::round(day) as i64;
            for (event, published) in [(SunEvent::Rise, rises), (SunEvent::Set, sets)] {
                let found = place.event(event, day).unwrap() / 60_000;
                assert!(
                    (found - minutes(published)).abs() <= 2,
                    "{name} {published} {}",
                    found - minutes(published)
                );
            }
        }
    }

    #[test]
    fn beyond_the_polar_circles_it_stays_up_or_down() {
        let tromso = Place {
            latitude: 69.65,
            longitude: 18.96,
        };
        let days = |from: &str, to: &str| minutes(from) / 1_440..minutes(to) / 1_440;
        // Published: up from May 20 to July 22 at least, down from November 27 to January 15.
        for day in days("2026-05-23T00:00Z", "2026-07-20T00:00Z")
            .chain(days("2026-11-30T00:00Z", "2027-01-12T00:00Z"))
        {
            assert_eq!(
                (
                    tromso.event(SunEvent::Rise, day),
                    tromso.event(SunEvent::Set, day)
                ),
                (None, None)
            );
        }
        for day in days("2026-01-18T00:00Z", "2026-05-16T00:00Z")
            .chain(days("2026-07-29T00:00Z", "2026-11-24T00:00Z"))
        {
            let (rise, set) = (
                tromso.event(SunEvent::Rise, day),
                tromso.event(SunEvent::Set, day),
            );
            assert!(rise.unwrap() < set.unwrap());
        }
        for latitude in [90.0, -90.0] {
            let pole = Place {
                latitude,
                longitude: 0.0,
            };
            assert_eq!(
                pole.event(SunEvent::Rise, minutes("2026-06-21T00:00Z") / 1_440),
                None
            );
        }
    }
}
