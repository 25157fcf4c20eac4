//! The audit log: what was done is stored at once; what was refused is counted, and stored once a minute for each kind,
//! so that an attack wears out no flash.

use std::time::Duration;

use kernel_core::storage::{BatchOp, MAX_BATCH};
use kernel_core::{Context, Error, Instant};
use plugin_kit::prelude::*;

use crate::clock::Clock;
use crate::limits;
use crate::model::{AuditPage, Entry};
use crate::rows::{self, Write};
use crate::text;

const NAMESPACE: &str = "auth_audit";
/// For how long refusals of one kind are counted together.
const TOGETHER: Duration = Duration::from_secs(60);
/// The most kinds of refusals that are kept apart; others are counted together.
const MOST_OPEN: usize = 32;
/// The most characters of what an entry says besides.
const MAX_DETAIL: usize = 200;
/// The most entries that wait for a storage that does not work.
const MOST_WAITING: usize = 256;

/// What an entry says.
#[derive(Clone, Copy, Default)]
pub(crate) struct Note<'a> {
    pub(crate) what: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) key_id: &'a str,
    pub(crate) peer: &'a str,
    pub(crate) detail: &'a str,
}

impl Note<'_> {
    fn entry(&self, seq: u64, clock: Clock) -> Entry {
        Entry {
            seq,
            time: clock.unix,
            what: self.what.to_owned(),
            subject: text::cut(self.subject, text::NAME),
            key_id: text::cut(self.key_id, text::NAME),
            peer: text::cut(self.peer, text::NAME),
            detail: text::cut(self.detail, MAX_DETAIL),
            count: 1,
        }
    }
}

/// Refusals of one kind.
struct Open {
    entry: Entry,
    since: Instant,
    /// How many the stored entry says.
    stored: u32,
}

impl Open {
    fn is_of(&self, entry: &Entry) -> bool {
        kind(&self.entry) == kind(entry)
    }
}

/// What entries have in common that are counted together.
fn kind(entry: &Entry) -> [&str; 5] {
    [
        &entry.what,
        &entry.subject,
        &entry.key_id,
        &entry.peer,
        &entry.detail,
    ]
    .map(String::as_str)
}

/// The log.
#[derive(Default)]
pub(crate) struct Audit {
    most: u64,
    oldest: u64,
    next: u64,
    waiting: Vec<Entry>,
    open: Vec<Open>,
}

impl Audit {
    pub(crate) async fn load(cx: &Context, most: u32) -> Result<Audit, Error> {
        let (mut first, mut last, mut after) = (None, None, String::new());
        loop {
            let mut buf = vec![0; 16 * 1024];
            let page = cx.storage(NAMESPACE).list_keys(&after, 512, &mut buf).await?;
            for key in page {
                let seq = u64::from_str_radix(key, 16).ok();
                first = first.or(seq);
                last = seq.or(last);
                after = key.to_owned();
            }
            if !page.more() {
                break;
            }
        }
        let next = last.map_or(1, |last| last.saturating_add(1));
        Ok(Audit {
            most: u64::from(most),
            oldest: first.unwrap_or(next),
            next,
            ..Audit::default()
        })
    }

    /// Something was done: it is stored before this resolves, or waits until the storage works again.
    pub(crate) async fn done(&mut self, cx: &Context, clock: Clock, note: Note<'_>) {
        let entry = note.entry(self.take_seq(), clock);
        self.waiting.push(entry);
        self.flush(cx, clock.now).await;
    }

    /// Something was refused.
    pub(crate) fn refused(&mut self, clock: Clock, note: Note<'_>) {
        let mut entry = note.entry(self.next, clock);
        if self.open.len() >= MOST_OPEN && !self.open.iter().any(|open| open.is_of(&entry)) {
            let others = Note {
                what: note.what,
                peer: "others",
                ..Note::default()
            };
            entry = others.entry(self.next, clock);
        }
        let running = |open: &&mut Open| open.is_of(&entry) && clock.now.since(open.since) < TOGETHER;
        if let Some(open) = self.open.iter_mut().find(running) {
            open.entry.count = open.entry.count.saturating_add(1);
            return;
        }
        self.take_seq();
        self.open.push(Open {
            entry,
            since: clock.now,
            stored: 0,
        });
    }

    fn take_seq(&mut self) -> u64 {
        let seq = self.next;
        self.next = self.next.saturating_add(1);
        seq
    }

    /// Stores what waits: new kinds of refusals, and those whose minute is over.
    pub(crate) async fn flush(&mut self, cx: &Context, now: Instant) {
        self.store(cx, |open| open.stored == 0 || now.since(open.since) >= TOGETHER)
            .await;
        self.open.retain(|open| now.since(open.since) < TOGETHER);
    }

    /// Stores all.
    pub(crate) async fn flush_all(&mut self, cx: &Context) {
        self.store(cx, |_| true).await;
    }

    async fn store(&mut self, cx: &Context, is_due: impl Fn(&Open) -> bool) {
        for open in &mut self.open {
            if open.stored != open.entry.count && is_due(open) {
                open.stored = open.entry.count;
                self.waiting.push(open.entry.clone());
            }
        }
        let stored = self.write(cx).await;
        if let Err(error) = stored {
            log::error!(
                "{} entries of the audit log wait for the storage: {error}",
                self.waiting.len()
            );
            let more = self.waiting.len().saturating_sub(MOST_WAITING);
            if more > 0 {
                log::error!("the oldest {more} of them are lost");
                self.waiting.drain(..more);
            }
        }
    }

    async fn write(&mut self, cx: &Context) -> Result<(), Error> {
        let mut writes = Vec::new();
        for entry in &self.waiting {
            writes.push(Write::new(key(entry.seq), entry)?);
        }
        rows::write(cx, NAMESPACE, &writes).await?;
        self.waiting.clear();
        self.drop_oldest(cx).await
    }

    async fn drop_oldest(&mut self, cx: &Context) -> Result<(), Error> {
        while self.next - self.oldest > self.most {
            let end = (self.next - self.most).min(self.oldest + MAX_BATCH as u64);
            let keys: Vec<String> = (self.oldest..end).map(key).collect();
            let ops: Vec<BatchOp<'_>> = keys.iter().map(|key| BatchOp::Delete(key)).collect();
            cx.storage(NAMESPACE).transaction(&ops).await?;
            self.oldest = end;
        }
        Ok(())
    }

    /// The entries after one.
    pub(crate) async fn page(
        &mut self,
        cx: &Context,
        after: Option<u64>,
        limit: usize,
    ) -> Result<AuditPage, Error> {
        self.flush_all(cx).await;
        let storage = cx.storage(NAMESPACE);
        let mut buf = vec![0; 16 * 1024];
        let from = after.map_or_else(String::new, key);
        let keys = storage.list_keys(&from, limit as u16, &mut buf).await?;
        let (mut entries, mut bytes, mut next) = (Vec::new(), 0, None);
        for key in keys {
            if bytes > limits::PAGE_BYTES {
                return Ok(AuditPage { entries, next });
            }
            next = u64::from_str_radix(key, 16).ok();
            match storage.get_value::<Entry>(key).await {
                Ok(Some(entry)) => {
                    bytes += 200 + 4 * (entry.subject.len() + entry.peer.len() + entry.detail.len());
                    entries.push(entry);
                }
                // It was deleted meanwhile.
                Ok(None) => {}
                Err(error) if rows::is_damage(&error) => {
                    log::error!("{key:?} in {NAMESPACE} is left out: {error}")
                }
                Err(error) => return Err(error),
            }
        }
        let next = next.filter(|_| keys.more());
        Ok(AuditPage { entries, next })
    }
}

/// Keys in the order of their numbers.
fn key(seq: u64) -> String {
    format!("{seq:016x}")
}
