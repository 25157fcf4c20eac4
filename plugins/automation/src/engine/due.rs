//! What is due: delays, answers, intervals, times of the day; and when to look again.

use alloc::string::{String, ToString};
use core::time::Duration;

use kernel_core::{Context, Error, Json};
use plugin_kit::log;

use super::Engine;
use crate::plan::TriggerId;
use crate::rule::{MAX_TRIGGERS, Trigger};
use crate::time::HOUR;

/// How long the publication of a notice may wait for a slow subscriber.
const NOTICE_TIMEOUT: Duration = Duration::from_secs(1);

/// Timers that are no longer wanted and may be there, besides as many as are wanted.
const MOST_UNWANTED: usize = 256;

/// What is due on the monotonic clock.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    /// A run goes on.
    Run(u64),
    /// A value lasted.
    Hold(TriggerId, String),
    /// An interval went by.
    Every(TriggerId),
}

impl Engine {
    /// Does what is due.
    pub(crate) async fn tick(&mut self, cx: &Context) {
        let now = self.look(cx);
        while let Some((due, what)) = self.timers.pop(now) {
            match what {
                Due::Run(number) => self.wake(number),
                Due::Hold(id, key) => {
                    if let Some(event) = self.held(id, key, due) {
                        self.fire(cx, id, event).await;
                    }
                }
                Due::Every(id) => self.interval(cx, id, due, now).await,
            }
        }
        while let Some(now) = self.clock.unix_ms()
            && let Some((due, id)) = self.wall.pop(now)
        {
            self.time_of_day(cx, id, due, now).await;
        }
        for (topic, notice) in core::mem::take(&mut self.notices) {
            let text = notice.to_string();
            let json = Json::parse(&text).unwrap_or(Json::NULL);
            if let Err(fault) = cx.bus().publish_within(topic, json, NOTICE_TIMEOUT).await {
                log::warn!("{topic} {text} was not published: {fault}");
            }
        }
    }

    async fn interval(&mut self, cx: &Context, id: TriggerId, due: u64, now: u64) {
        let Some(Trigger::Every { ms }) = self.trigger_of(id) else {
            return;
        };
        // Intervals that were missed do not pile up.
        let next = if due + ms > now { due + ms } else { now + ms };
        self.timers.push(next, Due::Every(id));
        self.fire_by_clock(cx, id).await;
    }

    async fn time_of_day(&mut self, cx: &Context, id: TriggerId, due: i64, now: i64) {
        let Some(trigger) = self.trigger_of(id) else {
            return;
        };
        // One that is late by an hour or more was missed.
        let is_late = now - due >= HOUR;
        let next = trigger.next(&self.zone, if is_late { now } else { due });
        next.into_iter().for_each(|next| self.wall.push(next, id));
        if !is_late {
            self.fire_by_clock(cx, id).await;
        }
    }

    async fn fire_by_clock(&mut self, cx: &Context, id: TriggerId) {
        if let Some(event) = self.trigger_of(id).map(Trigger::event) {
            self.fire(cx, id, event).await;
        }
    }

    /// The time of day is another one: it was set.
    pub(crate) async fn set_clock(&mut self, cx: &Context) -> Result<(), Error> {
        self.look(cx);
        let time = plugin_kit::unix_time(cx).await?;
        let unix_ms = time.and_then(|time| i64::try_from(time.as_millis()).ok());
        // After a step of less than an hour what is planned is still right: what was passed over is due now, and what
        // was done is planned for another day.
        if self.clock.set(unix_ms) {
            self.plan_days();
        }
        Ok(())
    }

    /// Plans what goes by the time of day anew.
    fn plan_days(&mut self) {
        self.wall.clear();
        let Some(now) = self.clock.unix_ms() else {
            return;
        };
        for (index, place) in self.places.iter().enumerate() {
            let Some(place) = place.as_ref().filter(|place| place.rule.enabled) else {
                continue;
            };
            for (number, trigger) in place.rule.triggers.iter().enumerate() {
                let id = TriggerId {
                    place: index,
                    life: place.life,
                    number,
                };
                let next = trigger.next(&self.zone, now);
                next.into_iter().for_each(|due| self.wall.push(due, id));
            }
        }
    }

    /// Sees to it that the plugin ticks when something is due, and at least once an hour.
    pub(crate) async fn arm(&mut self, cx: &Context) -> Result<(), Error> {
        self.drop_unwanted();
        let now = self.look(cx);
        let wall = self.wall.next().and_then(|due| self.clock.when(due));
        let notices = (!self.notices.is_empty()).then_some(now);
        let due = [self.timers.next(), wall, notices].into_iter().flatten().min();
        let due = due.unwrap_or(u64::MAX).min(now + HOUR as u64);
        // One tick too early is no harm, and spares setting it anew with every event.
        if self.armed.is_some_and(|armed| armed > now && armed <= due) {
            return Ok(());
        }
        let span = due.saturating_sub(now).max(1);
        cx.set_interval(Duration::from_millis(span)).await?;
        self.armed = Some(now + span);
        Ok(())
    }

    /// Timers that nobody waits for any more are taken out when there are many.
    fn drop_unwanted(&mut self) {
        let rules = self.places.len() * MAX_TRIGGERS;
        let wanted = self.runs.len() + self.holds.len() + rules;
        let (places, runs, holds) = (&self.places, &self.runs, &self.holds);
        let is_wanted = |id: &TriggerId| {
            let place = places.get(id.place).and_then(Option::as_ref);
            place.is_some_and(|place| place.life == id.life)
        };
        if self.timers.len() > 2 * wanted + MOST_UNWANTED {
            self.timers.retain(|what| match what {
                Due::Run(number) => runs.contains_key(number),
                Due::Hold(id, key) => is_wanted(id) && holds.contains_key(&(*id, key.clone())),
                Due::Every(id) => is_wanted(id),
            });
        }
        if self.wall.len() > 2 * rules + MOST_UNWANTED {
            self.wall.retain(is_wanted);
        }
    }
}
