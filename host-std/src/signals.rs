//! The signals that end the program.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for the signals that a user, a service manager or a closing terminal sends. While it exists they no longer end
/// the process by themselves.
pub(crate) struct Signals(Vec<(Signal, &'static str)>);

impl Signals {
    /// Must be called within a tokio runtime that has its I/O enabled.
    pub(crate) fn listen() -> io::Result<Self> {
        let kinds = [
            (SignalKind::interrupt(), "SIGINT"),
            (SignalKind::terminate(), "SIGTERM"),
            (SignalKind::quit(), "SIGQUIT"),
            (SignalKind::hangup(), "SIGHUP"),
        ];
        // What is ignored from the start, by nohup for instance, stays so.
        let wanted = kinds.into_iter().filter(|(kind, _)| !is_ignored(*kind));
        let signals: io::Result<_> = wanted.map(|(kind, name)| Ok((signal(kind)?, name))).collect();
        signals.map(Signals)
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        poll_fn(|cx| {
            let came = |(signal, name): &mut (Signal, &'static str)| match signal.poll_recv(cx) {
                Poll::Ready(Some(())) => Some(*name),
                // A stream ends only with the runtime.
                _ => None,
            };
            self.0
                .iter_mut()
                .find_map(came)
                .map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// True when the process was started with this signal ignored; false where the system does not tell.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    1u64.checked_shl(bit).is_some_and(|bit| mask & bit != 0)
}
