//! The waist of a plugin whose calls are checked by the schemas of its services, before it sees them.

use std::sync::Arc;
use std::task::{Poll, Waker};

use kernel_core::{Answer, Before, CallId, Error, Fault, Instant, Op, PluginId, Step, Ticket, Waist};

use crate::services::{Positional, Services};

/// How many calls are refused in a row before others have their turn.
const STREAK: u32 = 16;

/// See the module's documentation. It serves all lives of the plugin.
///
/// ```
/// use std::sync::Arc;
/// use plugin_host::{About, Checked, Services};
/// # fn example(kernel: &'static dyn kernel_core::Waist) -> Result<(), String> {
/// let services = Arc::new(Services::default());
/// let about = About {
///     schema: Some(serde_json::json!({"type": "number"})),
///     ..About::default()
/// };
/// services.add("thermostat", "thermostat.set", about)?;
/// let waist = Checked::new(services, "thermostat", kernel);
/// # Ok(())
/// # }
/// ```
pub struct Checked {
    services: Arc<Services>,
    plugin: String,
    kernel: &'static dyn Waist,
}

impl Checked {
    /// For the plugin of this name.
    pub fn new(services: Arc<Services>, plugin: &str, kernel: &'static dyn Waist) -> Self {
        Checked {
            services,
            plugin: plugin.to_owned(),
            kernel,
        }
    }

    /// The call that this step is, when its arguments do not fit, and what is wrong.
    fn refusal(&self, step: &Step, buf: &[u8]) -> Option<(CallId, Error)> {
        let Step::Call { id, .. } = *step else { return None };
        let (at, service, args) = step.texts();
        let service = std::str::from_utf8(buf.get(..service)?).ok()?;
        let args = buf.get(at..at.checked_add(args)?)?;
        let checked = self
            .services
            .check(&self.plugin, service, args, Positional::AsAnyOther);
        Some((id, checked.err()?))
    }
}

impl Waist for Checked {
    fn run(
        &self,
        who: PluginId,
        op: &mut Op<'_>,
        ticket: &mut Ticket,
        waker: Option<&Waker>,
        buf: &mut [u8],
    ) -> Poll<Result<u32, Fault>> {
        let mut outcome = self.kernel.run(who, op, ticket, waker, buf);
        let Op::Next { step, .. } = op else {
            return outcome;
        };
        let mut refused = 0;
        loop {
            let refusal = match outcome {
                Poll::Ready(Ok(_)) => self.refusal(step, buf),
                _ => None,
            };
            let Some((call, error)) = refusal else {
                return outcome;
            };
            refused += 1;
            if refused == STREAK {
                let mut reply = Op::Reply(call, Answer::Error(&error));
                // Whoever called may be gone.
                let _ = self.kernel.run(who, &mut reply, ticket, None, &mut []);
                waker.inspect(|waker| waker.wake_by_ref());
                return Poll::Pending;
            }
            let before = Before::Failed {
                call: Some(call),
                error: &error,
            };
            let mut next = Op::Next { before, step };
            outcome = self.kernel.run(who, &mut next, ticket, waker, buf);
        }
    }

    fn leave(&self, who: PluginId, ticket: Ticket) {
        self.kernel.leave(who, ticket);
    }

    fn now(&self) -> Instant {
        self.kernel.now()
    }
}
