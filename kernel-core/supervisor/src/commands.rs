//! Commands for one plugin, with the checks that the kernel does not make.

use kernel_core::{CoreRuntime, Error, Fault, PluginState};

use crate::Supervisor;
use crate::step::overview;

/// Room for a plugin's texts.
const TEXTS: usize = 256;

/// Errors of the commands, by their codes: those of [`PluginManager`](kernel_core::PluginManager), and
/// `dependency_missing`, `dependency_not_started`, `needed`, `shutting_down`.
///
/// Cancellation of the commands: the plugin goes on towards the goal all the same.
impl<const N: usize> Supervisor<N> {
    /// Starts a plugin, whose providers must be started, and keeps it so.
    ///
    /// # Errors
    /// See above.
    ///
    /// # Cancellation
    /// See above.
    pub async fn start(&self, runtime: CoreRuntime, name: &str) -> Result<PluginState, Error> {
        self.check_running(name)?;
        self.check_providers(&runtime, name)?;
        self.want(&runtime, name, true);
        runtime.plugins().start(name).await
    }

    /// Loads a plugin.
    ///
    /// # Errors
    /// See above.
    ///
    /// # Cancellation
    /// See above.
    pub async fn load(&self, runtime: CoreRuntime, name: &str) -> Result<PluginState, Error> {
        self.check_running(name)?;
        runtime.plugins().load(name).await
    }

    /// Stops a plugin that no started one depends on; its registrations stay.
    ///
    /// # Errors
    /// See above.
    ///
    /// # Cancellation
    /// See above.
    pub async fn stop(&self, runtime: CoreRuntime, name: &str) -> Result<PluginState, Error> {
        self.check_dependents(&runtime, name)?;
        self.want(&runtime, name, false);
        runtime.plugins().stop(name).await
    }

    /// Stops and unloads a plugin that no started one depends on.
    ///
    /// # Errors
    /// See above.
    ///
    /// # Cancellation
    /// See above.
    pub async fn unload(&self, runtime: CoreRuntime, name: &str) -> Result<PluginState, Error> {
        self.check_dependents(&runtime, name)?;
        self.want(&runtime, name, false);
        runtime.plugins().unload(name).await
    }

    /// Unloads a plugin and brings it back, with a new value. Those that depend on it stay as they are; their calls
    /// to it fail meanwhile.
    ///
    /// # Errors
    /// See above.
    ///
    /// # Cancellation
    /// See above.
    pub async fn reload(&self, runtime: CoreRuntime, name: &str) -> Result<PluginState, Error> {
        self.check_running(name)?;
        let wanted = matches!(
            runtime.plugins().state(name),
            Some(PluginState::Started | PluginState::Failed)
        );
        self.want(&runtime, name, false);
        let outcome = runtime.plugins().reload(name).await;
        self.want(&runtime, name, wanted);
        outcome
    }

    fn want(&self, runtime: &CoreRuntime, name: &str, wanted: bool) {
        if let Some(index) = runtime.plugins().index(name) {
            self.with(|state| state.want(index, wanted));
        }
    }

    /// Refuses what leads up while all are stopped.
    fn check_running(&self, name: &str) -> Result<(), Error> {
        match self.with(|state| state.stopping) {
            true => Err(error("shutting_down", "the runtime is shutting down", name)),
            false => Ok(()),
        }
    }

    fn check_providers(&self, runtime: &CoreRuntime, name: &str) -> Result<(), Error> {
        let (mut cursor, mut buf) = (runtime.plugins().index(name).ok_or(Fault::NotFound)?, [0; TEXTS]);
        let info = runtime
            .next_plugin(&mut cursor, &mut buf)
            .ok_or(Fault::NotFound)?;
        if let Some(missing) = info.missing {
            let what = "it depends on a plugin that is not installed";
            return Err(error("dependency_missing", what, missing));
        }
        for mut provider in info.providers.iter() {
            if let Some(info) = runtime.next_plugin(&mut provider, &mut buf)
                && info.state != PluginState::Started
            {
                let what = "it depends on a plugin that is not started: start that first";
                return Err(error("dependency_not_started", what, info.name));
            }
        }
        Ok(())
    }

    fn check_dependents(&self, runtime: &CoreRuntime, name: &str) -> Result<(), Error> {
        let plugins = runtime.plugins();
        let index = plugins.index(name).ok_or(Fault::NotFound)?;
        let depends = |other: &usize| {
            let info = overview(&plugins, *other);
            info.is_some_and(|info| info.state == PluginState::Started && info.providers.contains(index))
        };
        let Some(mut by) = (0..N).find(depends) else {
            return Ok(());
        };
        let mut buf = [0; TEXTS];
        let by = runtime
            .next_plugin(&mut by, &mut buf)
            .map_or("", |info| info.name);
        let what = "a started plugin depends on it: stop that first";
        Err(error("needed", what, by))
    }
}

/// An error about a plugin, which it names where errors own their text.
#[cfg(feature = "messages")]
fn error(code: &'static str, what: &'static str, name: &str) -> Error {
    Error::format(code, format_args!("{what} ({name})"))
}

#[cfg(not(feature = "messages"))]
fn error(code: &'static str, what: &'static str, _: &str) -> Error {
    Error::new(code, what)
}
