//! A bucket with one writer: a chain of messages, each of which expects that the one before it is the last.
//!
//! ```text
//! a write      acknowledged: it is stored                      refused: nothing of it, or of what was sent after it
//! no answer    a record of ours ends the doubt: what was stored is before it, and nothing can come between
//! a batch      one message says all of it, the rows follow, an empty one ends it; who finds it unended carries it out
//! another      has put its own record at the end: nothing of ours is stored any more
//! ```

use std::collections::VecDeque;

use async_nats::HeaderMap;
use async_nats::header::NATS_EXPECTED_LAST_SEQUENCE;
use async_nats::jetstream::consumer::{DeliverPolicy, push};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::index::Index;
use crate::names::Subjects;
use crate::place::{ATTEMPT, PAUSE, Place, until};
use crate::records::{Owner, Whole, operations, written};
use crate::trouble::Trouble;

/// The header that key-value tools know deleted keys by.
const OPERATION: &str = "KV-Operation";
const DELETED: &str = "DEL";

/// Who wrote a message.
const WRITER: &str = "Core-Runtime-Writer";

/// The most messages that are on their way at once.
const WINDOW: usize = 256;

/// Deleted keys leave a message each; so many are removed together.
const REMOVED_AT_ONCE: usize = 1_000;

/// What a message does.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Sets a row, or deletes it.
    Row {
        namespace: String,
        key: String,
        set: bool,
    },
    /// Begins what is carried out all or not at all.
    Begin(Whole),
    /// Ends it.
    End,
}

/// A message to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    does: Does,
    payload: Bytes,
}

impl Message {
    pub(crate) fn row(namespace: &str, key: &str, value: Option<&[u8]>) -> Self {
        Message {
            does: Does::Row {
                namespace: namespace.to_owned(),
                key: key.to_owned(),
                set: value.is_some(),
            },
            payload: value.map(Bytes::copy_from_slice).unwrap_or_default(),
        }
    }
}

/// The bucket as its one writer has it.
#[derive(Debug)]
pub(crate) struct Bucket {
    place: Place,
    subjects: Subjects,
    owner: Owner,
    /// The last message that is known to be stored.
    last: u64,
    /// What was sent after it and not heard of.
    sent: VecDeque<Message>,
    in_doubt: bool,
    pub(crate) index: Index,
    /// What has begun and not ended.
    begun: Option<Whole>,
    /// Deleted rows whose messages are still there.
    removed: Vec<(String, u64)>,
}

impl Bucket {
    /// Takes the bucket: whoever wrote in it before cannot any more.
    ///
    /// # Errors
    /// [`Trouble::Fenced`] when it belongs to somebody with a later lease.
    pub(crate) async fn take(
        place: Place,
        subjects: Subjects,
        owner: Owner,
        deadline: Instant,
    ) -> Result<Bucket, Trouble> {
        let mut bucket = Bucket {
            place,
            subjects,
            owner,
            last: 0,
            sent: VecDeque::new(),
            in_doubt: false,
            index: Index::default(),
            begun: None,
            removed: Vec::new(),
        };
        bucket.last = bucket.barrier(true, deadline).await?;
        bucket.load(deadline).await?;
        bucket.ready(deadline).await?;
        Ok(bucket)
    }

    /// Makes sure that it is known what is stored, and that nothing has begun that is not ended.
    pub(crate) async fn ready(&mut self, deadline: Instant) -> Result<(), Trouble> {
        if self.in_doubt {
            self.settle(deadline).await?;
        }
        while let Some(whole) = self.begun.clone() {
            let rest = self.rows_of(&whole);
            let (_, outcome) = self.append(rest, deadline).await;
            outcome?;
        }
        Ok(())
    }

    /// The messages of what is carried out all or not at all, the first of which says all of it.
    pub(crate) fn whole(&self, whole: Whole) -> Vec<Message> {
        let rest = self.rows_of(&whole);
        let begin = Message {
            payload: whole.to_bytes().into(),
            does: Does::Begin(whole),
        };
        [vec![begin], rest].concat()
    }

    fn rows_of(&self, whole: &Whole) -> Vec<Message> {
        let mut rows: Vec<Message> = match whole {
            Whole::Batch { namespace, ops } => operations(ops)
                .map(|op| {
                    let (key, value) = written(&op);
                    Message::row(namespace, key, value)
                })
                .collect(),
            Whole::Clear { namespace } => {
                let keys = self.index.keys(namespace);
                keys.iter()
                    .map(|key| Message::row(namespace, key, None))
                    .collect()
            }
        };
        rows.push(Message {
            does: Does::End,
            payload: Bytes::new(),
        });
        rows
    }

    /// Stores these messages, in order; how many of the first are stored, and why it is not all.
    pub(crate) async fn append(
        &mut self,
        messages: Vec<Message>,
        deadline: Instant,
    ) -> (usize, Result<(), Trouble>) {
        let mut done = 0;
        while done < messages.len() {
            let window = &messages[done..messages.len().min(done + WINDOW)];
            let begun = Instant::now();
            match self.send(window).await {
                Ok(()) => done += window.len(),
                Err((stored, trouble)) => {
                    done += stored;
                    if self.in_doubt {
                        match self.settle(deadline.max(begun + ATTEMPT)).await {
                            Ok(stored) => done += stored,
                            Err(trouble) => return (done, Err(trouble)),
                        }
                    }
                    if done < messages.len() && (!trouble.may_pass() || Instant::now() >= deadline) {
                        return (done, Err(trouble));
                    }
                }
            }
        }
        (done, Ok(()))
    }

    /// Sends messages and hears of them; of an error, how many are stored.
    async fn send(&mut self, messages: &[Message]) -> Result<(), (usize, Trouble)> {
        let base = self.last;
        self.sent = messages.iter().cloned().collect();
        // Also where this is given up before its end.
        self.in_doubt = true;
        let mut waiting = Vec::with_capacity(messages.len());
        let mut failed = None;
        for (n, message) in messages.iter().enumerate() {
            let headers = self.headers(&message.does, base + n as u64);
            let subject = self.subject(&message.does);
            let sent = self
                .place
                .jetstream
                .publish_with_headers(subject, headers, message.payload.clone());
            match sent.await {
                Ok(acknowledgement) => waiting.push(acknowledgement),
                Err(cause) => {
                    failed = Some(trouble(&cause));
                    break;
                }
            }
        }
        let mut all_heard = true;
        let mut stored = 0;
        for (n, acknowledgement) in waiting.into_iter().enumerate() {
            // Once one is not stored, the others are waited for together with it.
            let heard = match all_heard {
                true => acknowledgement.await,
                false => break,
            };
            match heard {
                Ok(at) if failed.is_none() && at.sequence == base + n as u64 + 1 => {
                    let Some(message) = self.sent.pop_front() else {
                        break;
                    };
                    self.stored(message, at.sequence);
                    self.last = at.sequence;
                    stored += 1;
                }
                Ok(at) => {
                    all_heard = false;
                    failed.get_or_insert(Trouble::Away(format!("message {} came in between", at.sequence)));
                }
                Err(cause) => {
                    let refused = trouble(&cause);
                    all_heard = refused.is_of_one()
                        || (cause.kind() == PublishErrorKind::WrongLastSequence && failed.is_some());
                    failed.get_or_insert(refused);
                }
            }
        }
        match failed {
            None => {
                self.in_doubt = false;
                Ok(())
            }
            Some(trouble) => {
                // Refused by itself, and so were all after it.
                if trouble.is_of_one() && all_heard {
                    self.in_doubt = false;
                    self.sent.clear();
                }
                Err((stored, trouble))
            }
        }
    }

    /// Ends the doubt about what was sent: how many of the first are stored.
    async fn settle(&mut self, deadline: Instant) -> Result<usize, Trouble> {
        let base = self.last;
        let end = self.barrier(false, deadline).await?;
        let sent: Vec<Message> = self.sent.iter().cloned().collect();
        let subjects: Vec<String> = sent.iter().map(|message| self.subject(&message.does)).collect();
        let mut is_stored = vec![false; sent.len()];
        let mut foreign = false;
        for sequence in base + 1..end {
            let n = (sequence - base - 1) as usize;
            let found = until(deadline, || self.place.message(sequence)).await?;
            let later = || subjects[n + 1..].contains(&subjects[n]);
            match (found, is_stored.get_mut(n)) {
                (Some(found), Some(stored)) if header(&found.headers, WRITER) == Some(&self.owner.id) => {
                    *stored = true
                }
                // A later one of ours is in its place.
                (None, Some(stored)) if later() => *stored = true,
                _ => foreign = true,
            }
        }
        self.in_doubt = false;
        self.sent.clear();
        for (n, message) in sent.into_iter().enumerate() {
            if is_stored[n] {
                self.stored(message, base + 1 + n as u64);
            }
        }
        self.last = end;
        if foreign {
            warn!("another program writes in the bucket: what it has is read again");
            self.load(deadline).await?;
        }
        Ok(is_stored.iter().take_while(|stored| **stored).count())
    }

    /// Puts the owner's record at the end of the chain, after which nothing that was sent before can be stored; its
    /// sequence.
    async fn barrier(&mut self, taking: bool, deadline: Instant) -> Result<u64, Trouble> {
        self.owner.doubt += 1;
        loop {
            let why = match self.try_barrier(taking).await {
                Ok(Some(sequence)) => return Ok(sequence),
                Ok(None) => Trouble::Away("others write at the same time".to_owned()),
                Err(trouble) if trouble.may_pass() => trouble,
                Err(trouble) => return Err(trouble),
            };
            if Instant::now() >= deadline {
                return Err(why);
            }
            sleep(PAUSE).await;
        }
    }

    async fn try_barrier(&self, taking: bool) -> Result<Option<u64>, Trouble> {
        let last = self.place.last_sequence().await?;
        let subject = self.subjects.owner();
        match self.place.last(&subject).await? {
            Some(found) => {
                let owner = serde_json::from_slice::<Owner>(&found.payload).map_err(|_| {
                    Trouble::Corrupt(format!("the message on {subject} is no record of an owner"))
                })?;
                if owner.id == self.owner.id && owner.doubt == self.owner.doubt {
                    return Ok(Some(found.sequence));
                }
                if owner.id != self.owner.id && (!taking || owner.token > self.owner.token) {
                    return Err(Trouble::Fenced(owner.holder));
                }
            }
            None if taking => {}
            None => return Err(Trouble::Fenced("somebody who emptied it".to_owned())),
        }
        let record = serde_json::to_vec(&self.owner).map_err(|cause| Trouble::Away(cause.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, last.to_string());
        headers.insert(WRITER, self.owner.id.as_str());
        let sent = self
            .place
            .jetstream
            .publish_with_headers(subject, headers, record.into())
            .await;
        let heard = match sent {
            Ok(acknowledgement) => acknowledgement.await,
            Err(cause) => Err(cause),
        };
        match heard {
            Ok(at) => Ok(Some(at.sequence)),
            Err(cause) if cause.kind() == PublishErrorKind::WrongLastSequence => Ok(None),
            Err(cause) => Err(trouble(&cause)),
        }
    }

    /// Reads the names of all rows, and what has begun.
    async fn load(&mut self, deadline: Instant) -> Result<(), Trouble> {
        self.index = until(deadline, || self.read_names(deadline)).await?;
        let subject = self.subjects.batch();
        let begun = until(deadline, || self.place.last(&subject)).await?;
        self.begun = match begun.filter(|found| !found.payload.is_empty()) {
            None => None,
            Some(found) => Some(Whole::from_bytes(&found.payload).ok_or_else(|| {
                Trouble::Corrupt(format!(
                    "the message on {subject} is no batch: nothing is read or written before it is"
                ))
            })?),
        };
        Ok(())
    }

    async fn read_names(&self, deadline: Instant) -> Result<Index, Trouble> {
        let away = |cause: &dyn std::fmt::Display| Trouble::Away(cause.to_string());
        let config = push::OrderedConfig {
            deliver_subject: self.place.jetstream.client().new_inbox(),
            filter_subject: self.subjects.rows(),
            headers_only: true,
            deliver_policy: DeliverPolicy::All,
            ..push::OrderedConfig::default()
        };
        let consumer = self
            .place
            .stream
            .create_consumer(config)
            .await
            .map_err(|cause| away(&cause))?;
        let mut index = Index::default();
        if consumer.cached_info().num_pending == 0 {
            return Ok(index);
        }
        let mut messages = consumer.messages().await.map_err(|cause| away(&cause))?;
        let mut unreadable = 0;
        loop {
            // A large bucket takes its time, a server that stops does not.
            let left = deadline.saturating_duration_since(Instant::now()).max(ATTEMPT);
            let message = timeout(left, messages.next())
                .await
                .map_err(|cause| away(&cause))?;
            let message = message
                .ok_or_else(|| away(&"the list of names ended early"))?
                .map_err(|cause| away(&cause))?;
            let about = message.info().map_err(|cause| away(&cause))?;
            let headers = message.headers.clone().unwrap_or_default();
            match self.subjects.names(&message.subject) {
                Some((namespace, key)) if !is_deleted(&headers) => {
                    index.insert(&namespace, &key, about.stream_sequence)
                }
                Some(_) => {}
                None => unreadable += 1,
            }
            if about.pending == 0 {
                break;
            }
        }
        if unreadable > 0 {
            warn!("the bucket has {unreadable} keys of other programs, which lists leave out");
        }
        Ok(index)
    }

    /// The value of a row; `None` when there is none.
    pub(crate) async fn get(
        &self,
        namespace: &str,
        key: &str,
        deadline: Instant,
    ) -> Result<Option<Bytes>, Trouble> {
        let subject = self.subjects.row(namespace, key);
        let known = self.index.sequence(namespace, key);
        until(deadline, || async {
            let found = self.place.last(&subject).await?;
            let at = found.as_ref().map_or(0, |found| found.sequence);
            if at < known.unwrap_or(0) {
                // A server that has just become the leader, or is none any more.
                return Err(Trouble::Away("the server has not caught up".to_owned()));
            }
            Ok(found
                .filter(|found| !is_deleted(&found.headers))
                .map(|found| found.payload))
        })
        .await
    }

    /// True when it is not known whether what was sent last is stored.
    pub(crate) const fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// True while there is a connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.place.jetstream.client().connection_state() == async_nats::connection::State::Connected
    }

    /// Takes note of a message that is stored.
    fn stored(&mut self, message: Message, sequence: u64) {
        match message.does {
            Does::Row {
                namespace,
                key,
                set: true,
            } => self.index.insert(&namespace, &key, sequence),
            Does::Row {
                namespace,
                key,
                set: false,
            } => {
                self.removed.push((self.subjects.row(&namespace, &key), sequence));
                self.index.remove(&namespace, &key);
            }
            Does::Begin(whole) => self.begun = Some(whole),
            Does::End => self.begun = None,
        }
        if self.removed.len() >= REMOVED_AT_ONCE {
            self.remove_the_deleted();
        }
    }

    /// Has the messages of deleted rows removed. Where that fails they take room, and nothing else.
    fn remove_the_deleted(&mut self) {
        let (stream, removed) = (self.place.stream.clone(), std::mem::take(&mut self.removed));
        tokio::spawn(async move {
            let count = removed.len();
            for (subject, sequence) in removed {
                // A later value is not touched.
                if let Err(cause) = stream.purge().filter(subject).sequence(sequence + 1).await {
                    info!("the messages of deleted keys were not removed: {cause}");
                    return;
                }
            }
            tracing::debug!("removed the messages of {count} deleted keys");
        });
    }

    fn subject(&self, does: &Does) -> String {
        match does {
            Does::Row { namespace, key, .. } => self.subjects.row(namespace, key),
            Does::Begin(_) | Does::End => self.subjects.batch(),
        }
    }

    fn headers(&self, does: &Does, last: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, last.to_string());
        headers.insert(WRITER, self.owner.id.as_str());
        if let Does::Row { set: false, .. } = does {
            headers.insert(OPERATION, DELETED);
        }
        headers
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(async_nats::HeaderValue::as_str)
}

fn is_deleted(headers: &HeaderMap) -> bool {
    matches!(header(headers, OPERATION), Some("DEL" | "PURGE"))
}

/// What a refused or unanswered message means.
fn trouble(cause: &PublishError) -> Trouble {
    let text = cause.to_string();
    if cause.kind() == PublishErrorKind::MaxPayloadExceeded {
        return Trouble::TooLarge(text);
    }
    let source = std::error::Error::source(cause);
    let Some(error) = source.and_then(|source| source.downcast_ref::<jetstream::Error>()) else {
        return Trouble::Away(text);
    };
    match error.error_code() {
        ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::INSUFFICIENT_RESOURCES => Trouble::Full(error.to_string()),
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => Trouble::TooLarge(error.to_string()),
        _ => Trouble::Away(error.to_string()),
    }
}
