//! Windows of time: `{"after": "22:00", "before": "06:00", "weekdays": ["fri"]}`.

use alloc::format;
use alloc::string::String;

use super::{Days, TimeOfDay, Zone};
use crate::read::{At, Problem};

/// From a time of the day to another one, on these days. A window over midnight belongs to the day on which it begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Window {
    after: Option<TimeOfDay>,
    before: Option<TimeOfDay>,
    days: Days,
}

impl Window {
    pub(crate) fn read(at: &At<'_>) -> Result<Window, Problem> {
        let fields = at.object(&["after", "before", "weekdays"])?;
        let time = |key| fields.get(key).map(|at| TimeOfDay::read(&at)).transpose();
        let (after, before) = (time("after")?, time("before")?);
        if after.is_none() && before.is_none() && fields.get("weekdays").is_none() {
            return Err(at.problem("one of these is missing: after, before, weekdays"));
        }
        if after.is_some() && after == before {
            return Err(at.problem("after and before are the same time"));
        }
        Ok(Window {
            after,
            before,
            days: Days::read(fields.get("weekdays"))?,
        })
    }

    /// Whether it is now; or what the time is.
    pub(crate) fn check(&self, unix_ms: Option<i64>, zone: &Zone) -> Result<(), String> {
        let Some((now, today)) = unix_ms.and_then(|unix_ms| zone.local(unix_ms)) else {
            return Err(String::from("the clock is not set"));
        };
        let is_after = self.after.is_none_or(|after| now >= after);
        let is_before = self.before.is_none_or(|before| now < before);
        let over_midnight =
            matches!((self.after, self.before), (Some(after), Some(before)) if after > before);
        let began = match over_midnight {
            true if is_after => Some(today),
            true if is_before => Some((today + 6) % 7),
            false if is_after && is_before => Some(today),
            _ => None,
        };
        if began.is_some_and(|day| self.days.has(day)) {
            return Ok(());
        }
        let mut wanted = String::new();
        if let Some(after) = self.after {
            wanted.push_str(&format!(" after {after}"));
        }
        if let Some(before) = self.before {
            wanted.push_str(&format!(" before {before}"));
        }
        if self.days != Days::ALL {
            wanted.push_str(&format!(" on {}", self.days));
        }
        Err(format!("it is {} {now}, wanted{wanted}", Days::name(today)))
    }
}
