//! Work that would hold up whoever it is done for.

use kernel_core::Error;

/// Does `work` on a thread of its own: what computes for long, or blocks, while the plugin handles other messages.
///
/// How the plugin gets to know that it is done is its business: it may answer a call that was left open by
/// [`Reply::later`](kernel_core::Reply::later), or publish an event that the plugin itself subscribes to
/// ([`Context::try_publish`](kernel_core::Context::try_publish)). Once the plugin's life is over, what the work asks of
/// the runtime is refused. A [`TestRuntime`](crate::test::TestRuntime) waits for it, a minute at most.
///
/// # Errors
/// `thread` when the system has no thread left. The work is not done.
///
/// ```
/// use plugin_kit::prelude::*;
/// use plugin_kit::kernel_core::Mailbox;
///
/// #[derive(Default)]
/// struct Sums;
///
/// #[plugin(name = "sums")]
/// impl Sums {
///     #[service(".up_to")]
///     fn up_to(&mut self, cx: &Context, call: Request<'_>, reply: Reply<'_>, last: u64) -> Result<Replied, Error> {
///         let (mailbox, id) = (Mailbox::new(*cx), call.id);
///         plugin_kit::on_thread("sums", move || {
///             let text = (1..=last).sum::<u64>().to_string();
///             // Whoever called may be gone.
///             let _ = mailbox.reply(id, Ok(Json::parse(&text).unwrap_or(Json::NULL))).now();
///         })?;
///         Ok(reply.later())
///     }
/// }
///
/// # #[cfg(feature = "test")] {
/// let mut rt = plugin_kit::test::TestRuntime::new();
/// rt.add::<Sums>(());
/// rt.start()?;
/// assert_eq!(rt.call("sums.up_to", &1_000_000u64)?, 500_000_500_000u64);
/// # }
/// # Ok::<(), Error>(())
/// ```
pub fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    #[cfg(feature = "test")]
    let under_way = crate::test::UnderWay::begin();
    let spawned = std::thread::Builder::new().name(name.into()).spawn(move || {
        work();
        #[cfg(feature = "test")]
        drop(under_way);
    });
    match spawned {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::format(
            "thread",
            format_args!("no thread for {name}: {error}"),
        )),
    }
}
