//! What a platform decides about its sessions.

#[cfg(feature = "host")]
use core::future::Future;

#[cfg(feature = "host")]
use kernel_core::{Fault, PluginManager, PluginState};

#[cfg(feature = "host")]
use crate::Action;
use crate::Framing;

/// How many operations of one session may be in flight (on a chip: calls); more are refused.
pub const FLIGHTS: usize = if cfg!(feature = "host") { 16 } else { 3 };

/// Who the runtime is, whom it lets in, and how long it waits for them.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// The runtime's name and version, for people.
    pub name: &'a str,
    /// What a client must know; `None` where the line itself says who may use it.
    pub token: Option<&'a str>,
    /// The unix time of the clock's zero, in microseconds, where the platform knows it.
    pub epoch: Option<u64>,
    /// How messages are told apart.
    pub framing: Framing,
    /// A client that is silent for so many milliseconds is taken for gone; 0 for never.
    pub keep_alive_ms: u32,
    /// A client opens its session within so many milliseconds; 0 for no limit.
    pub handshake_ms: u32,
    /// The slot of the runtime on the other side, made of [`PEER`](crate::PEER), where it may have one.
    #[cfg(all(feature = "peer", not(feature = "host")))]
    pub peer: Option<kernel_core::Installed>,
}

impl<'a> Config<'a> {
    /// No token, a keep-alive period of 30 s, 10 s for the handshake.
    pub const fn new(name: &'a str, framing: Framing) -> Self {
        Config {
            name,
            token: None,
            epoch: None,
            framing,
            keep_alive_ms: 30_000,
            handshake_ms: 10_000,
            #[cfg(all(feature = "peer", not(feature = "host")))]
            peer: None,
        }
    }
}

impl core::fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Without the token.
        f.debug_struct("Config")
            .field("name", &self.name)
            .field("framing", &self.framing)
            .field("keep_alive_ms", &self.keep_alive_ms)
            .finish_non_exhaustive()
    }
}

/// Why an action on a plugin was not carried out.
#[cfg(feature = "host")]
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ManageError {
    /// The kernel's reason; [`Fault::Failed`] for a plugin that failed on the way: then the client is told the
    /// plugin's last error.
    Fault(Fault),
    /// A reason of the manager's own.
    Refused(kernel_core::Error),
}

#[cfg(feature = "host")]
impl From<Fault> for ManageError {
    fn from(fault: Fault) -> Self {
        ManageError::Fault(fault)
    }
}

#[cfg(feature = "host")]
impl From<kernel_core::Error> for ManageError {
    fn from(error: kernel_core::Error) -> Self {
        ManageError::Refused(error)
    }
}

/// Who leads plugins through their lives on behalf of clients: the kernel's manager, or a supervisor with opinions.
#[cfg(feature = "host")]
pub trait Manage {
    /// Carries out `action`; the state that the plugin is in then.
    ///
    /// # Errors
    /// See [`ManageError`].
    ///
    /// # Cancellation
    /// The client has gone; the plugin goes on towards its goal.
    fn manage(&self, action: Action, plugin: &str) -> impl Future<Output = Result<PluginState, ManageError>>;
}

#[cfg(feature = "host")]
impl Manage for PluginManager {
    async fn manage(&self, action: Action, plugin: &str) -> Result<PluginState, ManageError> {
        let goal = match action {
            Action::Load => PluginState::Loaded,
            Action::Start => PluginState::Started,
            Action::Stop => PluginState::Stopped,
            Action::Unload | Action::Reload => PluginState::Unloaded,
        };
        let mut next = match action {
            Action::Reload => match self.state(plugin) {
                Some(PluginState::Started | PluginState::Failed) => Some(PluginState::Started),
                _ => Some(PluginState::Loaded),
            },
            _ => None,
        };
        let mut goal = goal;
        loop {
            let state = self.bring(plugin, goal).await?;
            match next.take() {
                Some(then) => goal = then,
                None => return Ok(state),
            }
        }
    }
}

/// Compares two secrets in a time that does not tell where they differ.
pub(crate) fn same(one: &str, two: &str) -> bool {
    let differ = one
        .bytes()
        .zip(two.bytes())
        .fold(0, |differ, (a, b)| differ | (a ^ b));
    differ == 0 && one.len() == two.len()
}
