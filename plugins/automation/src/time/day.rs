//! Times of the day and days of the week, as rules write them.

use alloc::string::String;

use crate::read::{At, Problem};

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time of the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct TimeOfDay {
    pub(crate) hour: i8,
    pub(crate) minute: i8,
    pub(crate) second: i8,
}

impl TimeOfDay {
    /// `07:30` or `07:30:15`.
    pub(crate) fn read(at: &At<'_>) -> Result<TimeOfDay, Problem> {
        let parsed = at.value.as_str().and_then(TimeOfDay::parse);
        parsed.ok_or_else(|| at.wanted("a time from 00:00 to 23:59:59, such as 07:30"))
    }

    fn parse(text: &str) -> Option<TimeOfDay> {
        let two = |part: Option<&str>, most: i8| {
            let part =
                part.filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))?;
            part.parse().ok().filter(|number| *number <= most)
        };
        let mut parts = text.split(':');
        let time = TimeOfDay {
            hour: two(parts.next(), 23)?,
            minute: two(parts.next(), 59)?,
            second: match parts.next() {
                None => 0,
                some => two(some, 59)?,
            },
        };
        parts.next().is_none().then_some(time)
    }
}

impl core::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)?;
        match self.second {
            0 => Ok(()),
            second => write!(f, ":{second:02}"),
        }
    }
}

/// Days of the week: a bit each, Monday first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Days(u8);

impl Days {
    pub(crate) const ALL: Days = Days(0x7f);

    /// A list of `mon`, `tue`, ..; all where it is left out.
    pub(crate) fn read(at: Option<At<'_>>) -> Result<Days, Problem> {
        let Some(at) = at else {
            return Ok(Days::ALL);
        };
        let mut days = 0;
        for day in at.list(7)? {
            days |= 1 << day.word(&NAMES)?;
        }
        match days {
            0 => Err(at.problem("one day or more is wanted")),
            days => Ok(Days(days)),
        }
    }

    /// Whether the day with this number is one of them; Monday is 0.
    pub(crate) fn has(self, day: i8) -> bool {
        self.0 & (1 << day) != 0
    }

    /// The name of a day.
    pub(crate) fn name(day: i8) -> &'static str {
        NAMES.get(day as usize).copied().unwrap_or("")
    }
}

impl core::fmt::Display for Days {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let days = (0..7).filter(|day| self.has(*day)).map(Days::name);
        let mut text = String::new();
        for day in days {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(day);
        }
        f.write_str(&text)
    }
}
