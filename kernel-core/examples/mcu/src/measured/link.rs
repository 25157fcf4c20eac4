//! What a firmware adds for the link: a session on the serial line, and its buffers.

use kernel_core::Kernel;
use kernel_link::{Config, Framing};

use crate::uart::{Reader, Writer};

/// Serves the line.
pub(super) async fn serve(kernel: Kernel, read: Reader, write: Writer) {
    let config = Config {
        #[cfg(feature = "measured-peer")]
        peer: kernel_core::CoreRuntime::new(kernel)
            .plugins()
            .install(&kernel_link::PEER)
            .ok(),
        ..Config::new("mcu", Framing::Serial)
    };
    let mut memory = [0; 3 * 120];
    kernel_link::serve(kernel, &config, read, write, &mut memory).await;
}
