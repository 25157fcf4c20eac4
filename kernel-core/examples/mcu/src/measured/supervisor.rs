//! What a firmware adds for the supervisor: its task.

use kernel_core::CoreRuntime;
use kernel_supervisor::Supervisor;

/// As many plugins as the larger profile has.
pub(super) static SUPERVISOR: Supervisor<8> = Supervisor::new();

#[embassy_executor::task]
pub(super) async fn run(runtime: CoreRuntime) {
    SUPERVISOR.run(runtime).await;
}
