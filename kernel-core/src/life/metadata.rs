//! What a plugin says of itself before it runs.

use core::time::Duration;

use crate::bus::Overflow;

/// What a plugin is, needs and may do. Start from [`PluginMetadata::new`] and change what differs.
#[derive(Clone, Copy, Debug)]
pub struct PluginMetadata {
    /// The plugin's name: 1 to 32 of `a-z`, `0-9`, `_`, `-`, beginning with a letter. Its storage
    /// namespace has the same name.
    pub name: &'static str,
    /// Its version, for people.
    pub version: &'static str,
    /// One sentence on what it does.
    pub description: &'static str,
    /// Who wrote it.
    pub author: &'static str,
    /// The plugins that must be started before this one. (A supervisor sees to it.)
    pub dependencies: &'static [&'static str],
    /// Storage namespaces of others that it may read.
    pub reads: &'static [&'static str],
    /// Storage namespaces besides that of its name that it may read and write.
    pub writes: &'static [&'static str],
    /// What happens when it does not read its events fast enough.
    pub overflow: Overflow,
    /// When it is restarted after a failure. (A supervisor sees to it.)
    pub restart: RestartPolicy,
    /// The most a load, start, stop or unload hook may take.
    pub hook_timeout: Duration,
    /// The most handling one event or call may take before the plugin counts as hung.
    pub handler_timeout: Duration,
    /// The time within which it should handle one event or call; longer is a warning. (Not without the feature
    /// `large`.)
    pub handler_budget: Duration,
}

impl PluginMetadata {
    /// A plugin with no dependencies, dropping its oldest events when it is slow, restarted by the
    /// default policy; hooks 10 s, handlers 60 s, budget 100 ms.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        PluginMetadata {
            name,
            version,
            description: "",
            author: "",
            dependencies: &[],
            reads: &[],
            writes: &[],
            overflow: Overflow::DropOldest,
            restart: RestartPolicy::DEFAULT,
            hook_timeout: Duration::from_secs(10),
            handler_timeout: Duration::from_secs(60),
            handler_budget: Duration::from_millis(100),
        }
    }
}

/// When a failed plugin is started again: after a pause that doubles with every failure, and no
/// more once it failed too often within a window. (The scheme of Erlang's supervisors, with the
/// pauses of exponential backoff.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RestartPolicy {
    /// The pause before the first restart.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How many restarts within `window` are allowed; one more failure leaves the plugin FAILED.
    pub restarts: u8,
    /// The window: when a failure comes this long after the first one, counting starts anew.
    pub window: Duration,
}

impl RestartPolicy {
    /// Five restarts within two minutes, after 0.2 s, 0.4 s, 0.8 s, 1.6 s and 3.2 s.
    pub const DEFAULT: RestartPolicy = RestartPolicy {
        first_pause: Duration::from_millis(200),
        longest_pause: Duration::from_secs(30),
        restarts: 5,
        window: Duration::from_secs(120),
    };

    /// A plugin that fails stays FAILED until somebody starts it.
    pub const NEVER: RestartPolicy = RestartPolicy {
        restarts: 0,
        ..RestartPolicy::DEFAULT
    };
}
