//! `watch`.

use std::io::{self, Write};
use std::thread;

use clap::Args;
use kernel_link::{Request, ToClient, ToRuntime};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use crate::cli::check;
use crate::cli::connect::{Link, Patience, SOON, Session, count};
use crate::cli::exit::Failure;
use crate::cli::json;
use crate::cli::output::document;

pub(crate) const HELP: &str = "\
Each event is a line:
  {seq, time, micros, topic, source, cause, receivers, payload}
`time` is RFC 3339 in UTC, or seconds since the runtime began where it does not know the wall time; \
`micros` is the same moment on the runtime's own clock. `source` is a plugin, `kernel` or `operator`. \
`cause` is null, {\"event\": seq} or {\"call\": number}. `receivers` is how many plugins get it.

Events that are missing, because this program was too slow or they are no longer kept, are told in their place, whether they would have matched or not:
  {lost, from, at}
with `at` being bus, or link for one that is too large for this link's messages.

Examples:
  core-runtime watch 'device.>'
  core-runtime watch --since 1 --count 20";

/// How many events may be on their way at a time.
const CREDIT: u32 = 512;

/// How many are printed before as many more are allowed.
const BATCH: u32 = CREDIT / 2;

/// A pipe that has room takes so many bytes at once, in POSIX.
const PIPE_BUF: usize = 512;

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The events: a topic in which `*` stands for one word and a last `>` for all that follow
    #[arg(value_parser = check::filter, default_value = ">")]
    filter: String,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Begin with the event of this sequence number, or the oldest that is kept after it
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
}

pub(crate) async fn watch(args: WatchArgs, link: &mut Link) -> Result<(), Failure> {
    tokio::select! {
        ended = follow(args, link) => ended,
        () = reader_left() => Err(Failure::ClosedPipe),
    }
}

/// Resolves once whoever reads the output has gone, also while there is nothing to write.
async fn reader_left() {
    let (told, left) = tokio::sync::oneshot::channel();
    let look = move || {
        let stdout = std::io::stdout();
        // No event is asked for: what comes is an error or a hang-up.
        let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
        while poll(&mut polled, None) == Err(Errno::INTR) {}
        let _ = told.send(());
    };
    // The thread ends with the program.
    if thread::Builder::new()
        .name("reader".to_owned())
        .spawn(look)
        .is_err()
        || left.await.is_err()
    {
        std::future::pending().await
    }
}

async fn follow(args: WatchArgs, link: &mut Link) -> Result<(), Failure> {
    let mut session = link.open().await?;
    let mut credit = Credit::new(args.count);
    let request = Request::Watch {
        filter: &args.filter,
        since: args.since,
        credit: credit.first(),
    };
    session
        .ask(request, Patience::For(SOON), count)
        .await
        .map_err(|failure| {
            failure.advise(
                "full",
                "end another `watch` or inspector, or raise the capacity `taps`",
            )
        })?;
    while !credit.is_done() {
        if next(&mut session).await? {
            let more = credit.printed();
            if more > 0 {
                session.send(ToRuntime::Credit(more)).await?;
            }
        }
    }
    Ok(())
}

/// Prints what comes next; true for an event.
async fn next(session: &mut Session<'_>) -> Result<bool, Failure> {
    let epoch = session.epoch();
    let (line, is_event) = session
        .receive(Patience::WhileAlive, |message| match message {
            ToClient::Event(event) => {
                let line = json::Event::new(event, epoch).and_then(|event| document(&event));
                Some(line.map(|line| (line, true)))
            }
            ToClient::Lost { from, count, at } => {
                let line = document(&json::Lost {
                    lost: count,
                    from,
                    at,
                });
                Some(line.map(|line| (line, false)))
            }
            _ => None,
        })
        .await?;
    print(session, line).await?;
    Ok(is_event)
}

/// Prints a line; while its reader takes its time, the runtime is told that this client is still there.
async fn print(session: &mut Session<'_>, line: String) -> Result<(), Failure> {
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::OUT)];
    let has_room = poll(&mut polled, Some(&Timespec::default())) == Ok(1) && line.len() <= PIPE_BUF;
    if has_room {
        return Ok(write(&line)?);
    }
    let mut writing = spawn_blocking(move || write(&line));
    loop {
        let quiet = async {
            match session.quiet_until() {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            written = &mut writing => {
                return Ok(written.unwrap_or_else(|cause| Err(io::Error::other(cause)))?);
            }
            () = quiet => {}
        }
        session.send(ToRuntime::KeepAlive).await?;
    }
}

fn write(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

/// How many events are still wanted, and how many the runtime may still send.
#[derive(Debug)]
struct Credit {
    /// Still to be printed; `None` for no end.
    left: Option<u64>,
    /// Still to be allowed.
    owed: Option<u64>,
    /// Printed since more was allowed.
    printed: u32,
}

impl Credit {
    fn new(count: Option<u64>) -> Self {
        Credit {
            left: count,
            owed: count,
            printed: 0,
        }
    }

    fn first(&mut self) -> u32 {
        self.grant(CREDIT)
    }

    fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// One more is printed; how many more are to be allowed now.
    fn printed(&mut self) -> u32 {
        self.left = self.left.map(|left| left.saturating_sub(1));
        self.printed += 1;
        if self.printed < BATCH {
            return 0;
        }
        self.printed = 0;
        self.grant(BATCH)
    }

    fn grant(&mut self, most: u32) -> u32 {
        let Some(owed) = self.owed.as_mut() else {
            return most;
        };
        let granted = u32::try_from(*owed).unwrap_or(u32::MAX).min(most);
        *owed -= u64::from(granted);
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_as_much_is_allowed_as_is_wanted() {
        for wanted in [1, 255, 256, 511, 512, 513, 5000] {
            let mut credit = Credit::new(Some(wanted));
            let mut allowed = u64::from(credit.first());
            let mut printed = 0;
            while !credit.is_done() {
                assert!(printed < allowed, "{wanted}: stuck at {printed}");
                printed += 1;
                allowed += u64::from(credit.printed());
            }
            assert_eq!((printed, allowed), (wanted, wanted));
        }
    }

    #[test]
    fn without_end_it_never_runs_dry() {
        let mut credit = Credit::new(None);
        let mut open = credit.first();
        for _ in 0..10_000 {
            open -= 1;
            open += credit.printed();
            assert!((BATCH..=CREDIT).contains(&open));
        }
    }
}
