//! Everything the target said, with one owner.
//!
//! [`Model::apply`] takes over what the I/O thread says, [`Model::work`] does in slices what takes
//! longer (filtering, searching), and the rest is for the views to read. Nothing here waits.

mod pictures;
mod requests;
mod totals;
mod watched;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use requests::{Finished, InFlight, Requests};
pub use totals::Totals;
pub use watched::{PluginRates, ServiceRates, Watched, percentile};

use crate::chain::{self, Chain};
use crate::chart::{Chart, History};
use crate::facts::{Command, Connection, Event, Item, Playing, Request, Snapshot, State, Update};
use crate::filter::{self, FilterError, Matcher, View, Wake};
use crate::graph::Graph;
use crate::past;
use crate::ring::{DEFAULT_BYTES, Ring, RowId};
use crate::search::Search;
use crate::series::{Measure, Series};
use crate::topics::Topics;
use crate::warnings::Warnings;

/// What a model is made with.
#[derive(Clone)]
pub struct Config {
    /// The bytes of the ring of events.
    pub ring_bytes: usize,
    /// The program that evaluates jq expressions when it is started with `--jq-worker`: this one.
    pub jq_program: Option<PathBuf>,
    /// Called when [`Model::work`] has something new to take over.
    pub wake: Wake,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            ring_bytes: DEFAULT_BYTES,
            jq_program: std::env::current_exe().ok(),
            wake: Arc::new(|| ()),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("ring_bytes", &self.ring_bytes)
            .field("jq_program", &self.jq_program)
            .finish_non_exhaustive()
    }
}

/// Everything the target said.
#[derive(Debug)]
pub struct Model {
    connection: Connection,
    /// The runtime's name, unix epoch of its clock, and how often it was started anew while we looked.
    name: String,
    epoch: Option<u64>,
    restarts: u32,
    snapshot: Option<Box<Snapshot>>,
    snapshot_at: Option<Instant>,
    /// The next snapshot is of another run than the last.
    first_of_run: bool,
    ring: Ring,
    view: View,
    filter: String,
    filter_error: Option<FilterError>,
    /// Where the filter's jq expression begins in its text.
    jq_at: usize,
    series: Series,
    topics: Topics,
    search: Search,
    chart: Option<Chart>,
    graph: Option<Graph>,
    history: History,
    warnings: Warnings,
    watched: Watched,
    requests: Requests,
    totals: Totals,
    playing: Option<Playing>,
    recording: Result<Option<PathBuf>, String>,
    config: Config,
}

impl Model {
    /// A model that knows nothing yet.
    pub fn new(config: Config, now: Instant) -> Self {
        let ring = Ring::new(config.ring_bytes);
        let mut view = View::default();
        view.show_all(&ring);
        Model {
            connection: Connection::Connecting,
            name: String::new(),
            epoch: None,
            restarts: 0,
            snapshot: None,
            snapshot_at: None,
            first_of_run: true,
            ring,
            view,
            filter: String::new(),
            filter_error: None,
            jq_at: 0,
            series: Series::new(now),
            topics: Topics::default(),
            search: Search::default(),
            chart: None,
            graph: None,
            history: History::default(),
            warnings: Warnings::default(),
            watched: Watched::default(),
            requests: Requests::default(),
            totals: Totals::default(),
            playing: None,
            recording: Ok(None),
            config,
        }
    }

    /// Takes over what the I/O thread says.
    pub fn apply(&mut self, update: Update, now: Instant) {
        self.tick(now);
        match update {
            Update::Connection(connection) => self.connect(connection),
            Update::Snapshot(snapshot) => self.take_snapshot(snapshot, now),
            Update::Items(items) => self.take_items(&items, now),
            Update::Answer { id, answer, took } => {
                self.requests.finish(id, answer, took, now);
            }
            Update::Notice(_) => {}
            Update::Playing(playing) => self.playing = Some(playing),
            Update::Rewound => self.rewind(now),
            Update::Recording(recording) => self.recording = recording,
        }
    }

    /// Forgets what was said, and not what is asked for.
    fn rewind(&mut self, now: Instant) {
        let mut anew = Model::new(self.config.clone(), now);
        anew.playing = self.playing;
        anew.chart = self.chart.as_ref().map(|chart| Chart::new(chart.spec().clone()));
        anew.graph = self.graph.as_ref().map(|_| Graph::default());
        anew.search.set(self.search.text());
        anew.set_filter(&self.filter);
        *self = anew;
    }

    fn connect(&mut self, connection: Connection) {
        if let Connection::Open {
            name,
            epoch,
            restarted,
        } = &connection
        {
            self.name.clone_from(name);
            self.epoch = *epoch;
            if *restarted {
                self.restarts += 1;
                self.ring.push_restart();
                self.totals.restart();
                self.watched.restart();
                self.history.restart();
                self.first_of_run = true;
            }
        }
        self.connection = connection;
    }

    fn take_snapshot(&mut self, snapshot: Box<Snapshot>, now: Instant) {
        // The last snapshot of the same run, if there is one.
        let before = self.snapshot.as_deref().filter(|_| !self.first_of_run);
        self.watched.take(before, &snapshot, now);
        self.warnings.observe(before, &snapshot, now);
        self.history.take(before, &snapshot);
        self.history.heard(snapshot.metrics.now);
        if let (Some(chart), Some(_)) = (&mut self.chart, before) {
            chart.snapshot(&self.ring, &snapshot);
        }
        if let Some(before) = before {
            let grown = |of: fn(&Snapshot) -> u64| of(&snapshot).saturating_sub(of(before));
            for (measure, count) in [
                (Measure::Published, grown(|now| now.metrics.published() as u64)),
                (Measure::Dropped, grown(|now| now.metrics.dropped as u64)),
                (
                    Measure::Calls,
                    grown(|now| now.services.iter().map(|service| service.calls).sum()),
                ),
                (
                    Measure::CallErrors,
                    grown(|now| now.services.iter().map(|service| service.errors).sum()),
                ),
            ] {
                self.series.add(measure, count);
            }
        }
        self.first_of_run = false;
        let renamed = self.view.asks_for_receivers()
            && self
                .snapshot
                .as_deref()
                .is_none_or(|before| plugin_names(before) != plugin_names(&snapshot));
        self.snapshot = Some(snapshot);
        self.snapshot_at = Some(now);
        if renamed {
            self.apply_filter();
        }
    }

    fn take_items(&mut self, items: &[Item], now: Instant) {
        for item in items {
            self.ring.push(item);
            self.totals.item(item);
            match item {
                Item::Event(Event {
                    topic,
                    source,
                    payload,
                    time,
                    ..
                }) => {
                    self.history.heard(*time);
                    if &**source == "kernel" {
                        self.warnings.warned(topic, payload, now);
                    }
                    if self.playing.is_some()
                        && let (Item::Event(event), Some(snapshot)) = (item, &mut self.snapshot)
                    {
                        past::change(snapshot, event);
                    }
                    self.topics.add(topic, 1);
                    self.series.add(Measure::Received, 1);
                }
                Item::Lost { count, at, .. } => {
                    self.series.add(Measure::Lost, *count);
                    self.warnings.missed(*at, *count, self.totals.lost(*at), now);
                }
            }
        }
        self.view.follow(&self.ring);
    }

    /// Lets the clocks go on; to be called at least at [`Model::next_tick`]. True when something
    /// that is shown has changed.
    pub fn tick(&mut self, now: Instant) -> bool {
        let advanced = self.series.advance(now);
        if advanced {
            self.topics.take_rates(1.0);
        }
        self.warnings.tick(now) || advanced
    }

    /// When [`Model::tick`] has something to do.
    pub fn next_tick(&self) -> Instant {
        self.series.next()
    }

    /// Goes on with what takes longer, until `deadline` at the latest; true when there is more to
    /// do at once. Cheap when there is nothing to do.
    pub fn work(&mut self, deadline: Instant) -> bool {
        let more = self.view.work(&self.ring, deadline);
        let more = self.search.work(&self.ring, &self.view, deadline) || more;
        let more = self
            .chart
            .as_mut()
            .is_some_and(|chart| chart.work(&self.ring, deadline))
            || more;
        let more = self
            .graph
            .as_mut()
            .is_some_and(|graph| graph.work(&self.ring, deadline))
            || more;
        if let Some(fault) = self.view.fault()
            && self.filter_error.is_none()
        {
            // Its place is in the expression; ours is in the whole text.
            self.filter_error = Some(FilterError {
                span: self.jq_at + fault.span.start..self.jq_at + fault.span.end,
                reason: fault.reason.clone(),
            });
        }
        more
    }

    /// How the connection is.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// True when there is somebody to ask.
    pub fn is_open(&self) -> bool {
        matches!(self.connection, Connection::Open { .. })
    }

    /// The runtime's name for itself; empty before the first connection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unix time of the target's clock's zero, in microseconds, where it knows it.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// How often the runtime was started anew while we looked.
    pub fn restarts(&self) -> u32 {
        self.restarts
    }

    /// The last snapshot.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_deref()
    }

    /// When the last snapshot came.
    pub fn snapshot_at(&self) -> Option<Instant> {
        self.snapshot_at
    }

    /// All events that are kept.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The events that pass the filter.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Sets the filter. One that does not parse leaves the rows as they are, and
    /// [`filter_error`](Self::filter_error) says why; for a jq expression that may take a moment.
    pub fn set_filter(&mut self, text: &str) {
        if text == self.filter {
            return;
        }
        self.filter = text.to_owned();
        self.apply_filter();
    }

    fn apply_filter(&mut self) {
        self.filter_error = None;
        self.jq_at = 0;
        match filter::parse(&self.filter) {
            Err(error) => {
                self.view.refuse();
                self.filter_error = Some(error);
            }
            Ok(filter) if filter.terms.is_empty() && filter.jq.is_none() => self.view.show_all(&self.ring),
            Ok(filter) => {
                let plugins = self.snapshot.as_deref().map_or_else(Vec::new, plugin_names);
                let matcher = Matcher::new(&filter, &plugins);
                let jq = filter.jq.map(|(code, at)| {
                    self.jq_at = at;
                    (self.config.jq_program.clone(), code, self.config.wake.clone())
                });
                self.view.show(&self.ring, matcher, jq);
            }
        }
    }

    /// The filter's text.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Why the filter does not parse, and where.
    pub fn filter_error(&self) -> Option<&FilterError> {
        self.filter_error.as_ref()
    }

    /// The rates of the last minute.
    pub fn series(&self) -> &Series {
        &self.series
    }

    /// The tree of topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// What is wrong.
    pub fn warnings(&self) -> &Warnings {
        &self.warnings
    }

    /// What changed from one snapshot to the next: rates, and since when a state has its value.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// How long a state entry still lives, by our own clock since the snapshot.
    pub fn ttl_left(&self, state: &State, now: Instant) -> Option<Duration> {
        let since = self
            .snapshot_at
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        Some(Duration::from_millis(state.ttl_ms?).saturating_sub(since))
    }

    /// The requests under way, and the last ones that were answered.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Gives a request its number and counts it as under way: what is returned is to be sent.
    pub fn begin(&mut self, request: Request, now: Instant) -> Command {
        self.requests.begin(request, now)
    }

    /// Events published, received and lost.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What led to the event in a row, and what it led to.
    pub fn chain(&self, row: RowId) -> Chain {
        chain::chain(&self.ring, row, |call| self.watched.call(call))
    }

    /// Where the recording is that is played.
    pub fn playing(&self) -> Option<&Playing> {
        self.playing.as_ref()
    }

    /// The file that is being recorded to, or why that failed.
    pub fn recording(&self) -> Result<Option<&std::path::Path>, &str> {
        match &self.recording {
            Ok(path) => Ok(path.as_deref()),
            Err(error) => Err(error),
        }
    }

    /// The name of the plugin in a slot, as of the last snapshot.
    pub fn plugin_name(&self, slot: usize) -> Option<&Arc<str>> {
        let plugins = &self.snapshot.as_ref()?.plugins;
        plugins
            .iter()
            .find(|plugin| usize::from(plugin.index) == slot)
            .map(|plugin| &plugin.name)
    }

    /// The search.
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// The search, to set its text and to begin to look.
    pub fn search_mut(&mut self) -> &mut Search {
        &mut self.search
    }
}

fn plugin_names(snapshot: &Snapshot) -> Vec<(u8, Arc<str>)> {
    let plugins = snapshot.plugins.iter();
    plugins
        .map(|plugin| (plugin.index, plugin.name.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
