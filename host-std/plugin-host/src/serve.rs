//! The thread of the installed plugins.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::{LocalSet, spawn_local};

use crate::commands;
use crate::error::InstallError;
use crate::keeper::{Keeper, Options};
use crate::orphans;

/// How long processes that were told to leave may take, at the end: a little more than each has.
const LEAVING: Duration = Duration::from_millis(2500);

/// Takes in what is installed, says so by `ready`, and runs it on this thread until `stop` resolves. The
/// plugins are UNLOADED then; the supervisor starts them with all others.
///
/// Plugins are to be unloaded before the end: a process that still runs is given 2.5 s, and killed.
pub fn serve(options: Options, ready: impl FnOnce(Result<(), InstallError>), stop: impl Future<Output = ()>) {
    let reactor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reactor = match reactor {
        Ok(reactor) => reactor,
        Err(cause) => return ready(Err(InstallError::new("io", cause.to_string()))),
    };
    let local = LocalSet::new();
    local.block_on(&reactor, async {
        let installed = match options.runtime.plugins().install(&commands::METADATA) {
            Ok(installed) => installed,
            Err(fault) => return ready(Err(fault.into())),
        };
        installed.set_placement("own thread");
        let keeper = match Keeper::open(options) {
            Ok(keeper) => Rc::new(keeper),
            Err(cause) => return ready(Err(cause)),
        };
        spawn_local(orphans::run());
        spawn_local(commands::run(keeper.clone(), installed));
        let logs = keeper.clone();
        spawn_local(async move { logs.save_logs().await });
        ready(Ok(()));
        stop.await;
        keeper.all_idle(LEAVING).await;
        keeper.save_logs_now().await;
        keeper.entries.borrow_mut().clear();
    });
}
