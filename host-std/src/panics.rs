//! Panics of plugins: caught, kept as text, and logged under the plugin's name.
//!
//! A panic reaches the process-wide hook first, the only place that knows where in the source it
//! happened, and then whoever catches it. The hook leaves the text, with that place, in the thread.
//! Panics outside plugins go to the hook that was there before.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::Pin;
use std::sync::Once;
use std::task::Poll;

use tracing::error;

thread_local! {
    static PLUGIN: Cell<Option<&'static str>> = const { Cell::new(None) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Marks the thread as running the plugin's code until it is dropped.
struct Running(Option<&'static str>);

/// From here until the result is dropped, a panic on this thread is the plugin's.
fn running(plugin: &'static str) -> Running {
    Running(PLUGIN.replace(Some(plugin)))
}

impl Drop for Running {
    fn drop(&mut self) {
        PLUGIN.set(self.0);
    }
}

/// The plugin whose code this thread runs.
pub(crate) fn plugin() -> Option<&'static str> {
    PLUGIN.try_with(Cell::get).ok().flatten()
}

/// Takes over the panics of plugins, once a process.
pub(crate) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match PLUGIN.get() {
            Some(plugin) => plugin_panicked(plugin, info),
            None => before(info),
        }));
    });
}

fn plugin_panicked(plugin: &'static str, info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or(NO_TEXT);
    let text = match info.location() {
        Some(at) => format!("{message} (at {}:{})", at.file(), at.line()),
        None => message.to_owned(),
    };
    error!(plugin, "plugin {plugin} panicked: {text}");
    // A panic while the thread is being torn down has nowhere to leave its text.
    let _ = LAST.try_with(|last| {
        if let Ok(mut last) = last.try_borrow_mut() {
            *last = Some(text);
        }
    });
}

const NO_TEXT: &str = "the panic carried no text";

/// What the plugin's future comes to, or the text of its panic. It is dropped before that is known, so that nothing
/// sees what a panic left half done.
pub(crate) async fn catch<F: Future + Unpin>(plugin: &'static str, future: F) -> Result<F::Output, String> {
    let mut future = Some(future);
    poll_fn(|cx| {
        let _running = running(plugin);
        let turn = panic::catch_unwind(AssertUnwindSafe(|| match &mut future {
            Some(future) => Pin::new(future).poll(cx),
            None => Poll::Pending,
        }));
        let outcome = match turn {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => Ok(outcome),
            Err(payload) => Err(caught(payload.as_ref())),
        };
        let dropped = panic::catch_unwind(AssertUnwindSafe(|| drop(future.take())));
        Poll::Ready(match (outcome, dropped) {
            (Ok(_), Err(payload)) => Err(caught(payload.as_ref())),
            (outcome, _) => outcome,
        })
    })
    .await
}

/// The text of the panic that was just caught on this thread, in a plugin.
fn caught(payload: &(dyn Any + Send)) -> String {
    LAST.take().unwrap_or_else(|| text(payload).to_owned())
}

/// The text a panic carried.
fn text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or(NO_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn a_plugin_panic_keeps_its_text_and_place() {
        install_hook();
        let _running = running("clumsy");
        let payload = catch_unwind(|| panic!("lost {}", "the key")).unwrap_err();
        let text = caught(payload.as_ref());
        assert!(text.starts_with("lost the key (at "), "{text}");
        assert!(text.contains("panics.rs:"), "{text}");
        let payload = catch_unwind(|| panic::resume_unwind(Box::new("quiet"))).unwrap_err();
        assert_eq!(
            caught(payload.as_ref()),
            "quiet",
            "nothing is left of the one before"
        );
    }
}
