//! The example plugin in a process of its own: attaches to the runtime whose socket is the argument, and ends with
//! the link.

use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Instant;

use embedded_io_adapters::tokio_1::FromTokio;
use example::Example;
use kernel_core::{Plugin, drive};
use kernel_link::{Framing, Remote, RemotePlugin};
use tokio::net::UnixStream;

/// The longest call, event or value, with its names.
const MESSAGE: usize = 1024;

static REMOTE: Remote<4, MESSAGE> = Remote::new(now);

fn now() -> kernel_core::Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed();
    kernel_core::Instant::from_micros(elapsed.as_micros() as u64)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(socket) = std::env::args_os().nth(1) else {
        eprintln!("example-process: which socket? example-process SOCKET");
        return ExitCode::FAILURE;
    };
    let stream = match UnixStream::connect(&socket).await {
        Ok(stream) => stream,
        Err(cause) => {
            eprintln!("example-process: {}: {cause}", socket.display());
            return ExitCode::FAILURE;
        }
    };
    let (read, write) = stream.into_split();
    let (read, write) = (FromTokio::new(read), FromTokio::new(write));
    let what = RemotePlugin::new(&Example::METADATA);
    let mut memory = [0; 2 * (MESSAGE + 32)];
    let link = REMOTE.run(
        &what,
        Framing::Stream,
        read,
        write,
        tokio::time::sleep,
        &mut memory,
    );
    let lives = async {
        let mut buf = [0; 2 * MESSAGE];
        loop {
            drive(&mut Example::default(), REMOTE.context(), &mut buf).await;
        }
    };
    tokio::select! {
        end = link => {
            eprintln!("example-process: {end}");
            ExitCode::SUCCESS
        }
        () = lives => ExitCode::FAILURE,
    }
}
