//! Where a plugin is, and what is counted of it.

/// Where a plugin is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PluginState {
    /// Installed, with nothing running and nothing registered.
    #[default]
    Unloaded,
    /// `on_load` is done.
    Loaded,
    /// `on_start` is done: it receives events and calls.
    Started,
    /// `on_stop` is done.
    Stopped,
    /// A hook failed, hung or panicked; the error is kept.
    Failed,
}

impl PluginState {
    /// The state in capitals, as people and the link see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            PluginState::Unloaded => "UNLOADED",
            PluginState::Loaded => "LOADED",
            PluginState::Started => "STARTED",
            PluginState::Stopped => "STOPPED",
            PluginState::Failed => "FAILED",
        }
    }
}

/// Counters of one plugin since it was installed; they wrap around.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct PluginCounters {
    /// Events delivered to it.
    pub events: u32,
    /// Calls delivered to it.
    pub calls: u32,
    /// Events it published.
    pub published: u32,
    /// Events it lost because it was too slow, or stopped.
    pub dropped: u32,
    /// Events that wait to be delivered.
    pub lag: u32,
    /// The most that `lag` ever was.
    pub lag_high_water: u32,
    /// Handlers that returned an error, and failures. A call refused as its caller's mistake is none.
    pub errors: u32,
    /// Times it failed.
    pub failures: u32,
    /// Messages handled: events, calls and ticks.
    pub handled: u32,
    /// Microseconds spent on them. (This and the next two are zero without the feature `large`.)
    pub busy_micros: u64,
    /// Microseconds of the slowest.
    pub worst_micros: u32,
    /// How many took longer than the plugin's budget.
    pub slow: u32,
}
