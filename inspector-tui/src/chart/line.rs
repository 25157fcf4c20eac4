//! A line of a chart.

use std::sync::Arc;

use super::SECOND;

/// The most points of a line.
pub const MAX_POINTS: usize = 2048;

/// One sample, or several that were thinned to one.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Point {
    /// When, in microseconds on the target's clock: of the last of them.
    pub at: u64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The last.
    pub last: f64,
}

/// A line: a topic's samples.
#[derive(Clone, Debug)]
pub struct Line {
    /// Of what.
    pub name: Arc<str>,
    /// In which unit; empty where nobody says.
    pub unit: String,
    points: Vec<Point>,
    samples: u64,
}

impl Line {
    pub(super) fn new(name: &str, unit: String) -> Self {
        Line {
            name: name.into(),
            unit,
            points: Vec::new(),
            samples: 0,
        }
    }

    /// Its points, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The last value; 0 where there is none.
    pub fn last(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.last)
    }

    /// How many samples they stand for.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Those between two times, with the one before and the one after: what a picture of that time is made of.
    pub fn around(&self, from: u64, to: u64) -> &[Point] {
        let first = self
            .points
            .partition_point(|point| point.at < from)
            .saturating_sub(1);
        let end = self.points.partition_point(|point| point.at <= to) + 1;
        &self.points[first..end.min(self.points.len()).max(first)]
    }

    pub(super) fn push(&mut self, at: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.samples += 1;
        self.put(at, value);
    }

    fn put(&mut self, at: u64, value: f64) {
        if self.points.len() >= MAX_POINTS {
            self.thin();
        }
        // A clock that goes back a little does not make the line go back.
        let at = self.points.last().map_or(at, |last| last.at.max(at));
        self.points.push(Point {
            at,
            low: value,
            high: value,
            last: value,
        });
    }

    /// Counts one more in its second; seconds between without any are zero. A second is at its end.
    pub(super) fn count_in_second(&mut self, at: u64) {
        self.samples += 1;
        let second = (at / SECOND + 1) * SECOND;
        match self.points.last_mut() {
            Some(last) if last.at >= second => {
                last.last += 1.0;
                (last.low, last.high) = (last.last, last.last);
            }
            last => {
                let last = last.map(|last| last.at);
                if last.is_none_or(|last| last + SECOND < second) {
                    if let Some(last) = last.filter(|last| last + 2 * SECOND < second) {
                        self.put(last + SECOND, 0.0);
                    }
                    self.put(second - SECOND, 0.0);
                }
                self.put(second, 1.0);
            }
        }
    }

    /// Makes one point of two in the older half.
    fn thin(&mut self) {
        let half = MAX_POINTS / 2;
        let (old, new) = self.points.split_at(half.min(self.points.len()));
        let mut points: Vec<Point> = Vec::with_capacity(MAX_POINTS);
        points.extend(old.chunks(2).map(|pair| match *pair {
            [a, b] => Point {
                low: a.low.min(b.low),
                high: a.high.max(b.high),
                ..b
            },
            _ => pair[0],
        }));
        points.extend(new);
        self.points = points;
    }
}
