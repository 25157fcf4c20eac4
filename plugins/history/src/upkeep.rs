//! What is done once a day: figures in the place of old samples, and an end of what is too old.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kernel_core::{Context, Error};
use plugin_kit::log;

use crate::figures::Figuring;
use crate::life::History;
use crate::rows::{
    DAY, FIGURES, META, decode_raw, encode_figures, figures_day, figures_key, figures_prefix, raw_key,
};
use crate::store::Write;

/// Rows that are deleted in one go; the next tick goes on.
const DELETED: usize = 4_000;

/// Minutes after which a day is believed.
const SURE: u32 = 60;

impl History {
    /// One step of what there is to do on this day, each minute.
    pub(crate) async fn keep_up(&mut self, cx: &Context, today: u64) -> Result<(), Error> {
        if !self.is_sure_of(today) {
            return Ok(());
        }
        if let Some((last, _)) = self.raw.first_key_value() {
            let day = last / DAY;
            if day < self.figures_until {
                return self.delete_raw(cx).await;
            }
            if day + self.settings.raw_days < today {
                return self.make_figures(cx, day).await;
            }
        }
        if self.expired_on != Some(today)
            && self
                .expire(cx, today.saturating_sub(self.settings.keep_days))
                .await?
        {
            self.expired_on = Some(today);
        }
        Ok(())
    }

    /// A clock that is wrong for a while, as after a boot without a battery, must cost nobody a year: a day is believed
    /// after an hour of it, or behind one that is.
    fn is_sure_of(&mut self, today: u64) -> bool {
        self.day = match self.day {
            (day, minutes) if day == today => (day, minutes.saturating_add(1)),
            (day, SURE..) if day + 1 == today => (today, SURE),
            _ => (today, 0),
        };
        self.day.1 >= SURE
    }

    /// Writes the figures of a day in the place of its samples. Only when they are all there, the samples go: a crash
    /// in between has them made again.
    async fn make_figures(&mut self, cx: &Context, day: u64) -> Result<(), Error> {
        let mut rows: Vec<(u64, u64)> = self
            .raw
            .range(..(day + 1) * DAY)
            .map(|(last, first)| (*last, *first))
            .collect();
        rows.sort_unstable_by_key(|(_, first)| *first);
        let mut all: BTreeMap<String, Figuring> = BTreeMap::new();
        for (last, first) in rows {
            let key = raw_key(last, first);
            let text = self.store.get(cx, &key).await?.unwrap_or_default();
            let row = decode_raw(first, &text).unwrap_or_else(|error| {
                log::warn!("the samples in {key} cannot be read, and have no figures: {error}");
                BTreeMap::new()
            });
            for (name, samples) in row {
                let figuring = all
                    .entry(name)
                    .or_insert_with(|| Figuring::new(day * DAY, self.settings.interval));
                // What could not be written before midnight is in a row of the day after.
                for (time, value) in samples.into_iter().filter(|(time, _)| time / DAY == day) {
                    figuring.push(time, value);
                }
            }
        }
        let minutes = self.settings.interval / 60_000;
        let writes = all.into_iter().map(|(name, figuring)| {
            let text = encode_figures(minutes, &figuring.finish());
            Write::Set(figures_key(day, &name), text)
        });
        let writes: Vec<Write> = writes.collect();
        self.store.write(cx, &writes).await?;
        let meta = format!("{{\"figures_until\":{}}}", day + 1);
        self.store.set(cx, META, &meta).await?;
        self.figures_until = day + 1;
        self.delete_raw(cx).await
    }

    /// Deletes the samples of days that have their figures.
    async fn delete_raw(&mut self, cx: &Context) -> Result<(), Error> {
        let end = self.figures_until * DAY;
        let old: Vec<(u64, u64)> = self
            .raw
            .range(..end)
            .map(|(last, first)| (*last, *first))
            .collect();
        let deletes = old
            .iter()
            .map(|(last, first)| Write::Delete(raw_key(*last, *first)));
        let deletes: Vec<Write> = deletes.collect();
        self.store.write(cx, &deletes).await?;
        for (last, _) in old {
            self.raw.remove(&last);
        }
        Ok(())
    }

    /// Deletes figures of the days before this one, and forgets series of which there is nothing since; false when there
    /// is more to delete.
    async fn expire(&mut self, cx: &Context, before: u64) -> Result<bool, Error> {
        let mut deletes = Vec::new();
        let end = figures_prefix(before);
        let mut after = String::new();
        loop {
            let keys = self.store.keys(cx, FIGURES, &after).await?;
            let is_old = |key: &String| key.as_str() < end.as_str() && figures_day(key).is_some();
            let (count, last) = (keys.len(), keys.last().cloned());
            deletes.extend(keys.into_iter().take_while(is_old).map(Write::Delete));
            match last {
                Some(last) if last < end && count > 0 && deletes.len() < DELETED => after = last,
                _ => break,
            }
        }
        self.store.write(cx, &deletes).await?;
        if deletes.len() >= DELETED {
            return Ok(false);
        }
        self.names.expire(before);
        self.store.write(cx, &self.names.writes()).await?;
        self.names.written();
        Ok(true)
    }
}
