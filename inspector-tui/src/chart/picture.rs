//! What of a chart is seen: a stretch of time, and the lines in it with their figures.

use super::{Chart, Heat, History, Line, Point, SECOND, Spec, scale};

/// The most lines that eyes keep apart.
pub(super) const MAX_DRAWN: usize = 8;

/// A line as it is drawn.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Drawn<'a> {
    /// Of what.
    pub name: &'a str,
    /// In which unit.
    pub unit: &'a str,
    /// The last value.
    pub last: f64,
    /// The lowest in this time.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// The mean over this time.
    pub mean: f64,
    /// The samples of the whole line.
    pub samples: u64,
    /// Its points, and one before and after the time that is seen.
    pub points: Vec<Point>,
}

/// What of a chart is seen.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Picture<'a> {
    /// Of what.
    pub title: String,
    /// From when on, in microseconds on the target's clock.
    pub from: u64,
    /// Until when.
    pub to: u64,
    /// The lines, the one with the most samples first.
    pub lines: Vec<Drawn<'a>>,
    /// How many lines are not drawn.
    pub more: usize,
    /// Samples of topics that have no line.
    pub left_out: u64,
    /// How long calls took, where that is charted.
    #[serde(skip)]
    pub heat: Vec<&'a Heat>,
    /// The unix time of the clock's zero, in microseconds, where it is known.
    pub epoch: Option<u64>,
}

impl<'a> Picture<'a> {
    /// The part of a chart between two times.
    pub fn new(chart: &'a Chart, history: &'a History, (from, to): (u64, u64), epoch: Option<u64>) -> Self {
        let rate = matches!(chart.spec, Spec::Rate(_));
        let mut all: Vec<&Line> = chart.of(history).iter().collect();
        // Those of which most is known; of capacities, the fullest ones.
        match chart.spec {
            Spec::Capacities => all.sort_by(|one, other| other.last().total_cmp(&one.last())),
            _ => all.sort_by_key(|line| std::cmp::Reverse(line.samples())),
        }
        let more = all.len().saturating_sub(MAX_DRAWN);
        let drawn = all.into_iter().take(MAX_DRAWN);
        let lines = drawn
            .filter_map(|line| Drawn::new(line, from, to, rate))
            .collect();
        let heat = match chart.spec {
            Spec::Latency => history
                .heat()
                .iter()
                .filter(|heat| heat.at >= from && heat.at <= to)
                .collect(),
            _ => Vec::new(),
        };
        Picture {
            title: chart.spec.title(),
            from,
            to,
            lines,
            more,
            left_out: chart.left_out,
            heat,
            epoch,
        }
    }

    /// All of a chart, from its first sample to the latest time that was heard of.
    pub fn whole(chart: &'a Chart, history: &'a History, epoch: Option<u64>) -> Self {
        let first = match chart.spec {
            Spec::Latency => history.heat().first().map(|heat| heat.at),
            _ => chart
                .of(history)
                .iter()
                .filter_map(|line| Some(line.points().first()?.at))
                .min(),
        };
        let to = history.latest().max(SECOND);
        Picture::new(chart, history, (first.unwrap_or(0).min(to - SECOND), to), epoch)
    }

    /// The lowest and the highest value of the axis.
    pub fn span(&self) -> (f64, f64) {
        let low = self
            .lines
            .iter()
            .map(|line| line.low)
            .fold(f64::INFINITY, f64::min);
        let high = self
            .lines
            .iter()
            .map(|line| line.high)
            .fold(f64::NEG_INFINITY, f64::max);
        if low > high {
            (0.0, 1.0)
        } else {
            scale::span(low, high)
        }
    }

    /// The unit, where all lines have the same.
    pub fn unit(&self) -> &'a str {
        let first = self.lines.first().map_or("", |line| line.unit);
        if self.lines.iter().all(|line| line.unit == first) {
            first
        } else {
            ""
        }
    }
}

impl<'a> Drawn<'a> {
    /// A line between two times; `None` when nothing of it is there.
    fn new(line: &'a Line, from: u64, to: u64, rate: bool) -> Option<Self> {
        let mut points = line.around(from, to).to_vec();
        if rate {
            // The second that still goes on has not all of its events.
            points.retain(|point| point.at <= to);
            if let Some(last) = line.points().last().filter(|last| last.at + SECOND <= to) {
                let zero = |at| Point {
                    at,
                    low: 0.0,
                    high: 0.0,
                    last: 0.0,
                };
                points.extend([zero((last.at + SECOND).max(from)), zero(to)]);
            }
        }
        let last = points.iter().rfind(|point| point.at <= to)?.last;
        if line.points().last().is_some_and(|newest| newest.at < to) {
            // What it was before is what it still is.
            let (at, low, high) = (to, last, last);
            points.push(Point { at, low, high, last });
        }
        let (mut low, mut high, mut area, mut time) = (last, last, 0.0, 0.0);
        for point in points.iter().filter(|point| point.at >= from && point.at <= to) {
            (low, high) = (low.min(point.low), high.max(point.high));
        }
        for two in points.windows(2) {
            let span = two[1].at.min(to).saturating_sub(two[0].at.max(from)) as f64;
            // A rate is of the second before it; any other value holds until the next one.
            let value = if rate { two[1].last } else { two[0].last };
            (area, time) = (area + value * span, time + span);
        }
        let mean = if time > 0.0 { area / time } else { last };
        Some(Drawn {
            name: &line.name,
            unit: &line.unit,
            last,
            low,
            high,
            mean,
            samples: line.samples(),
            points,
        })
    }
}
