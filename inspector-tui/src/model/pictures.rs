//! What the model keeps for pictures: only while somebody looks.

use super::Model;
use crate::chart::{Chart, History, Spec};
use crate::graph::Graph;
use crate::graph::tree::Whole;
use crate::ring::RowId;
use crate::trace::{self, Trace};

impl Model {
    /// Charts something, from the events that are kept on, or nothing any more.
    pub fn set_chart(&mut self, spec: Option<Spec>) {
        self.chart = spec.map(Chart::new);
    }

    /// The chart.
    pub fn chart(&self) -> Option<&Chart> {
        self.chart.as_ref()
    }

    /// Keeps a graph of who talks to whom, from the events that are kept on, or none any more.
    pub fn set_graph(&mut self, kept: bool) {
        self.graph = kept.then(Graph::default);
    }

    /// Who talks to whom.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The graph with all that belongs to it, for what wants it.
    pub fn with_graph<T>(&self, wants: impl FnOnce(Whole<'_>) -> T) -> Option<T> {
        let calls = self.watched.calls();
        Some(wants(Whole {
            graph: self.graph.as_ref()?,
            snapshot: self.snapshot.as_deref(),
            calls: &calls,
        }))
    }

    /// What the snapshots said, over time.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// All that led to the event in a row and all that followed; `None` when no event is there.
    pub fn trace(&self, row: RowId) -> Option<Trace> {
        trace::trace(&self.ring, row, |call| self.watched.call(call))
    }
}
