//! A runtime as the source: connects, and connects again.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use link_dial::Endpoint;

use super::port::Gone;
use super::session::{self, Run};
use super::{Port, Source};
use crate::facts::{Connection, Update};

/// A runtime, and how to get in there.
#[derive(Clone, Debug)]
pub struct Live {
    /// Where it is, and the key that it is shown.
    pub at: Endpoint,
    /// Begin with the events that it still has.
    pub past: bool,
}

/// Between attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);

/// What becomes of requests meanwhile.
const UNSENT: &str = "there is no connection to the runtime: nothing was sent";

/// An attempt that takes longer than this is worth a word.
const NOTICEABLE: Duration = Duration::from_millis(300);

impl Source for Live {
    fn run(self: Box<Self>, port: Port) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            // The end of the model is the end of the thread.
            let Gone = connect_again_and_again(&self, port).await;
        })
    }
}

async fn connect_again_and_again(live: &Live, mut port: Port) -> Gone {
    let mut memory = session::memory();
    let mut run: Option<Run> = None;
    if port
        .send(Update::Connection(Connection::Connecting))
        .await
        .is_err()
    {
        return Gone;
    }
    loop {
        match attempt(live, &mut port, &mut memory, &mut run).await {
            Ok(reason) => {
                let retry_at = Instant::now() + PAUSE;
                let down = Connection::Down { reason, retry_at };
                if port.send(Update::Connection(down)).await.is_err()
                    || port.wait(retry_at, UNSENT).await.is_err()
                {
                    return Gone;
                }
            }
            Err(Gone) => return Gone,
        }
    }
}

/// One connection, from its beginning to its end; why it ended.
async fn attempt(
    live: &Live,
    port: &mut Port,
    memory: &mut [u8],
    run: &mut Option<Run>,
) -> Result<String, Gone> {
    let opened = {
        let mut opening = std::pin::pin!(session::open(live, memory));
        let mut quiet = true;
        let noticeable = tokio::time::sleep(NOTICEABLE);
        let mut noticeable = std::pin::pin!(noticeable);
        loop {
            tokio::select! {
                opened = &mut opening => break opened,
                command = port.command() => port.idle(command?, UNSENT).await?,
                () = &mut noticeable, if quiet => {
                    quiet = false;
                    port.send(Update::Connection(Connection::Connecting)).await?;
                }
            }
        }
    };
    match opened {
        Ok(mut opened) => {
            if let Some(note) = opened.note.take() {
                port.send(Update::Notice(note)).await?;
            }
            opened.serve(live, port, run).await
        }
        Err(reason) => Ok(reason),
    }
}
