//! The points of a series.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use kernel_core::{Context, Error};
use plugin_kit::log;

use crate::life::History;
use crate::pending::Sample;
use crate::rows::{DAY, FIGURES, ROW, decode_figures, decode_raw_of, figures_day, figures_key, raw_key};
use crate::types::HistoryPoint;

/// Rows that one query reads at the most: then it answers with what it has, and where to go on.
const READS: usize = 100;

/// Bytes around the points of an answer.
const BESIDE: usize = 600;

/// An answer that is being filled.
struct Page {
    points: Vec<HistoryPoint>,
    limit: usize,
    room: usize,
    reads: usize,
}

impl Page {
    /// Adds a point; false when it has no place.
    fn push(&mut self, point: HistoryPoint) -> bool {
        // Each has a JSON.
        let bytes = serde_json::to_string(&point).map_or(0, |text| text.len() + 1);
        match self.room.checked_sub(bytes) {
            Some(room) if self.points.len() < self.limit => {
                self.room = room;
                self.points.push(point);
                true
            }
            _ => false,
        }
    }

    /// Counts a read; false when it is one too many.
    fn read(&mut self) -> bool {
        self.reads += 1;
        self.reads <= READS
    }
}

impl History {
    /// The points in this range of time, at most `limit`, and where to go on.
    pub(crate) async fn points(
        &mut self,
        cx: &Context,
        series: &str,
        range: Range<u64>,
        limit: usize,
    ) -> Result<(Vec<HistoryPoint>, Option<u64>), Error> {
        let mut page = Page {
            points: Vec::new(),
            limit,
            room: ROW - BESIDE,
            reads: 0,
        };
        let next = match self.figures(cx, series, &range, &mut page).await? {
            Some(next) => Some(next),
            None => self.samples(cx, series, &range, &mut page).await?,
        };
        Ok((page.points, next))
    }

    /// The figures of the days that have some; where to go on when there is no place for all.
    async fn figures(
        &mut self,
        cx: &Context,
        series: &str,
        range: &Range<u64>,
        page: &mut Page,
    ) -> Result<Option<u64>, Error> {
        let until = self.figures_until.min(range.end.div_ceil(DAY));
        if range.start / DAY >= until {
            return Ok(None);
        }
        let first = self.store.keys(cx, FIGURES, "").await?;
        let Some(oldest) = first.first().and_then(|key| figures_day(key)) else {
            return Ok(None);
        };
        for day in (range.start / DAY).max(oldest)..until {
            if !page.read() {
                return Ok(Some((day * DAY).max(range.start + 1)));
            }
            let key = figures_key(day, series);
            let Some(text) = self.store.get(cx, &key).await? else {
                continue;
            };
            let figures = decode_figures(&text).unwrap_or_else(|| {
                log::warn!("the figures in {key} cannot be read");
                Vec::new()
            });
            for of in figures {
                let time = day * DAY + of.minute * 60_000;
                let point = HistoryPoint {
                    time,
                    value: of.last,
                    count: Some(of.count),
                    min: of.numbers.map(|(min, ..)| min),
                    mean: of.numbers.map(|(_, mean, _)| mean),
                    max: of.numbers.map(|(.., max)| max),
                };
                if range.contains(&time) && !page.push(point) {
                    return Ok(Some(time));
                }
            }
        }
        Ok(None)
    }

    /// The samples that are stored and pending; where to go on when there is no place for all. Rows follow each other in
    /// time, unless the clock was set.
    async fn samples(
        &mut self,
        cx: &Context,
        series: &str,
        range: &Range<u64>,
        page: &mut Page,
    ) -> Result<Option<u64>, Error> {
        let least = range.start.max(self.figures_until * DAY);
        let rows = self.raw.range(least..).filter(|(_, first)| **first < range.end);
        let mut rows: Vec<(u64, u64)> = rows.map(|(last, first)| (*last, *first)).collect();
        rows.sort_unstable_by_key(|(_, first)| *first);
        let place = page.limit - page.points.len();
        let mut found: Vec<Sample> = Vec::new();
        let wanted = |samples: &[Sample], found: &mut Vec<Sample>| {
            found.extend(samples.iter().filter(|(time, _)| range.contains(time)).cloned());
            found.sort_by_key(|(time, _)| *time);
        };
        wanted(self.pending.of(series), &mut found);
        let mut cut = None;
        for (last, first) in rows {
            if found.get(place).is_some_and(|(time, _)| *time < first) {
                break;
            }
            if !page.read() {
                cut = Some(first.max(range.start + 1));
                break;
            }
            match self.row(cx, series, last, first).await? {
                Ok(samples) => wanted(&samples, &mut found),
                Err(error) => log::warn!("the samples in {} cannot be read: {error}", raw_key(last, first)),
            }
        }
        // Of two values of one time the later one counts.
        found.reverse();
        found.dedup_by_key(|(time, _)| *time);
        found.reverse();
        for (time, value) in found {
            if cut.is_some_and(|cut| time >= cut) {
                break;
            }
            let point = HistoryPoint {
                time,
                value,
                count: None,
                min: None,
                mean: None,
                max: None,
            };
            if !page.push(point) {
                return Ok(Some(time));
            }
        }
        Ok(cut)
    }

    async fn row(
        &mut self,
        cx: &Context,
        series: &str,
        last: u64,
        first: u64,
    ) -> Result<Result<Vec<Sample>, String>, Error> {
        let text = self.store.get(cx, &raw_key(last, first)).await?;
        Ok(text.map_or(Ok(Vec::new()), |text| decode_raw_of(series, first, &text)))
    }
}
