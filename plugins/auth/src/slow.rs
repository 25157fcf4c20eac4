//! Services that took too long to answer, and are left alone for a while: meanwhile this plugin answers nobody.

use std::collections::HashMap;
use std::time::Duration;

use kernel_core::Instant;

/// For how long.
const PAUSE: Duration = Duration::from_secs(10);

/// Services, with the time from which they are asked again. They are those of the settings, and so not many.
#[derive(Default)]
pub(crate) struct Slow(HashMap<String, Instant>);

impl Slow {
    pub(crate) fn is(&self, service: &str, now: Instant) -> bool {
        self.0.get(service).is_some_and(|until| now.is_before(*until))
    }

    pub(crate) fn note(&mut self, service: &str, now: Instant) {
        self.0.insert(service.to_owned(), now.after(PAUSE));
    }
}
