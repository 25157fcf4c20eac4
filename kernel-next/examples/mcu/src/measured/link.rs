//! What a firmware adds for the link: a session on the serial line, and its buffers.

use kernel_core::Kernel;
use kernel_core::link::{self, Identity};

use crate::uart::{Reader, Writer};

/// Serves the line.
pub(super) async fn serve(kernel: Kernel, read: Reader, write: Writer) {
    let identity = Identity {
        name: "mcu",
        token: None,
        epoch: None,
    };
    let mut memory = [0; 5 * 264];
    link::serve(kernel, &identity, read, write, &mut memory).await;
}
