//! Ours as a whole: a host in a folder of its own, with its threads, its database and its socket.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host_std::config::{Placement, PluginConfig};
use host_std::{Config, Host};
use kernel_core::{
    Context, CoreRuntime, Error, Name, Plugin, PluginMetadata, Replied, Reply, Request, Service,
};
use tempfile::TempDir;

use super::call::SERVICE;

/// A plugin of the host that answers [`SERVICE`] with what it was asked.
#[derive(Default)]
struct HostedEcho;

impl Plugin for HostedEcho {
    const METADATA: PluginMetadata = PluginMetadata::new("echo", "1.0.0");

    async fn on_load(&mut self, cx: &Context) -> Result<(), Error> {
        Ok(cx.register(&Service::new(Name::Fixed(SERVICE))).await?)
    }

    async fn on_call(
        &mut self,
        _cx: &Context,
        call: Request<'_>,
        reply: Reply<'_>,
    ) -> Result<Replied, Error> {
        reply.raw(call.args())
    }
}

/// A running host; its folder goes after it.
pub(super) struct Hosted {
    host: Host,
    socket: PathBuf,
    _folder: TempDir,
}

impl Hosted {
    /// With the echo on the thread that plugins share.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start() -> Result<Hosted, String> {
        Hosted::start_in(folder()?, Placement::Shared)
    }

    /// With the echo on a thread of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start_apart() -> Result<Hosted, String> {
        Hosted::start_in(folder()?, Placement::Thread)
    }

    /// On the database [`database`] of `folder`, where there is one.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn start_in(folder: TempDir, placement: Placement) -> Result<Hosted, String> {
        let path: OsString = database(folder.path()).into();
        let vars = |name: &str| (name == "RUNTIME_DB_PATH").then(|| path.clone());
        let mut config = Config::from_vars(vars).map_err(|cause| format!("the configuration: {cause}"))?;
        config.shutdown_timeout = Duration::from_secs(20);
        let echo = PluginConfig {
            placement,
            ..PluginConfig::default()
        };
        config.plugins.insert(HostedEcho::METADATA.name.to_owned(), echo);
        let socket = config.socket.clone();
        let host = Host::builder().plugin::<HostedEcho>().start(config);
        let host = host.map_err(|cause| format!("the host does not start: {cause}"))?;
        if !host.runtime().health().failed.is_empty() {
            return Err("the host's plugin or its storage does not run".to_owned());
        }
        Ok(Hosted {
            host,
            socket,
            _folder: folder,
        })
    }

    /// The runtime, on behalf of the operator.
    pub(super) fn runtime(&self) -> CoreRuntime {
        self.host.runtime()
    }

    /// Where its link listens.
    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }
}

/// A folder for a database, on the file system of the system's temporary files.
///
/// # Errors
/// When there can be none.
pub(super) fn folder() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|cause| format!("no temporary folder: {cause}"))
}

/// The database in a folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("runtime.db")
}
