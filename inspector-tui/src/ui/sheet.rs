//! What lies over a screen: a chart, the graph of who talks to whom, a trace, or a difference.

use std::collections::HashSet;
use std::time::Instant;

use super::list::List;
use crate::graph::tree::Line;
use crate::keys::Context;
use crate::past::Difference;
use crate::ring::RowId;
use crate::trace::Trace;

/// The stretches of time that a chart can show, in seconds.
pub const SPANS: [u64; 10] = [10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 604_800, 2_592_000];
const SECOND: u64 = 1_000_000;

/// Something that lies over the screen until it is closed.
#[derive(Clone, Debug)]
pub enum Sheet {
    /// The model's chart.
    Chart(ChartSheet),
    /// The model's graph.
    Graph(GraphSheet),
    /// The trace of an event.
    Trace(TraceSheet),
    /// What differs from what was remembered.
    Difference(DifferenceSheet),
}

impl Sheet {
    /// The context of its keys.
    pub const fn context(&self) -> Context {
        match self {
            Sheet::Chart(_) => Context::Chart,
            Sheet::Graph(_) | Sheet::Trace(_) | Sheet::Difference(_) => Context::Walk,
        }
    }

    /// The file that it is exported to unless another one is named.
    pub const fn file(&self) -> &'static str {
        match self {
            Sheet::Chart(_) => "chart.svg",
            Sheet::Graph(_) => "graph.dot",
            Sheet::Trace(_) => "trace.otlp.json",
            Sheet::Difference(_) => "difference.ndjson",
        }
    }

    /// True while it follows what comes.
    pub const fn follows(&self) -> bool {
        match self {
            Sheet::Chart(sheet) => sheet.end.is_none(),
            Sheet::Graph(_) | Sheet::Trace(_) | Sheet::Difference(_) => true,
        }
    }
}

/// What of a chart is seen.
#[derive(Clone, Debug)]
pub struct ChartSheet {
    /// Which of the [`SPANS`].
    pub zoom: usize,
    /// Where it ends, in microseconds on the target's clock; `None` while it follows.
    pub end: Option<u64>,
}

/// The graph as a tree that is walked.
#[derive(Clone, Debug, Default)]
pub struct GraphSheet {
    /// The list of its lines.
    pub list: List,
    /// What of it is open.
    pub open: HashSet<String>,
    /// Its lines.
    pub lines: Vec<Line>,
    /// As of when; `None` when they are to be made anew.
    pub at: Option<Instant>,
}

/// A trace, which is walked.
#[derive(Clone, Debug)]
pub struct TraceSheet {
    /// The row of its event.
    pub row: RowId,
    /// The list of its spans.
    pub list: List,
    /// The trace,
    pub trace: Trace,
    /// as of when.
    pub at: Instant,
}

/// What differs from what was remembered.
#[derive(Clone, Debug, Default)]
pub struct DifferenceSheet {
    /// The list of it.
    pub list: List,
    /// All of it,
    pub all: Vec<Difference>,
    /// as of when; `None` when it is to be made anew.
    pub at: Option<Instant>,
}

impl Default for ChartSheet {
    fn default() -> Self {
        ChartSheet { zoom: 2, end: None }
    }
}

impl ChartSheet {
    /// How long the time that is seen is, in microseconds.
    pub fn span(&self) -> u64 {
        SPANS.get(self.zoom).copied().unwrap_or(60) * SECOND
    }

    /// The time that is seen, when this is the latest.
    pub fn window(&self, latest: u64) -> (u64, u64) {
        let to = self.end.unwrap_or(latest);
        (to.saturating_sub(self.span()), to)
    }

    /// Shows less time or more.
    pub fn zoom(&mut self, nearer: bool) {
        self.zoom = match nearer {
            true => self.zoom.saturating_sub(1),
            false => (self.zoom + 1).min(SPANS.len() - 1),
        };
    }

    /// Goes a quarter back or forward, and stays there; follows again at the latest.
    pub fn scroll(&mut self, forward: bool, latest: u64) {
        let (from, to) = self.window(latest);
        let step = (to - from) / 4;
        self.end = match forward {
            false => Some(to.saturating_sub(step).max(1)),
            true if to + step >= latest => None,
            true => Some(to + step),
        };
    }
}
