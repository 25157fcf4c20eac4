//! Requests of one bucket, carried out in their order.
//!
//! ```text
//! writes one after another   sent together, acknowledged in order
//! reads one after another    asked together
//! ```

use std::collections::HashSet;

use futures_util::future::join_all;
use kernel_core::storage::{PageWriter, StorageOp, StorageRequest, Stored};
use kernel_core::{Error, Fault};
use tokio::time::{Instant, sleep};

use crate::bucket::{Bucket, Message};
use crate::place::PAUSE;
use crate::records::Whole;
use crate::trouble::Trouble;

/// Requests have their turn on a bucket, until the deadline.
pub(crate) struct Turn<'b> {
    pub(crate) bucket: &'b mut Bucket,
    pub(crate) deadline: Instant,
}

impl Turn<'_> {
    /// Carries out these requests, and sets the result of each.
    pub(crate) async fn carry_out(&mut self, group: &mut [StorageRequest<'_>]) {
        if let Err(trouble) = self.bucket.ready(self.deadline).await {
            return refuse(group, &trouble);
        }
        let mut rest = group;
        while !rest.is_empty() {
            let writes = run(rest, StorageOp::is_write);
            let reads = run(rest, |op| op == StorageOp::Get);
            let (now, after) = rest.split_at_mut(writes.max(reads).max(1));
            rest = after;
            match now.first().map(|request| request.op) {
                Some(op) if op.is_write() => self.write(now).await,
                Some(StorageOp::Get) => self.read(now).await,
                _ => {
                    for request in now {
                        request.result = self.list(request).await;
                    }
                }
            }
        }
    }

    /// Carries out writes, as many together as do not depend on one another.
    async fn write(&mut self, group: &mut [StorageRequest<'_>]) {
        let mut at = 0;
        while at < group.len() {
            let (messages, begins) = self.plan(&group[at..]);
            let sent = &mut group[at..at + begins.len()];
            let counts: Vec<u32> = sent.iter().map(|request| self.count(request)).collect();
            let total = messages.len();
            let (done, outcome) = self.bucket.append(messages, self.deadline).await;
            for (n, request) in sent.iter_mut().enumerate() {
                at += 1;
                let (begin, end) = (begins[n], begins.get(n + 1).copied().unwrap_or(total));
                request.result = match (&outcome, request.op) {
                    (Err(trouble), _) if begin >= done && begin < end => {
                        request.result = Err(match self.bucket.is_in_doubt() {
                            true => trouble.error_in_doubt(),
                            false => trouble.error(),
                        });
                        // Refused by itself: those after it have their turn.
                        if trouble.is_of_one() {
                            break;
                        }
                        continue;
                    }
                    (_, StorageOp::Delete) if begin == end => Ok(Stored::Absent),
                    (_, StorageOp::ClearNamespace) => Ok(Stored::Count(counts[n])),
                    _ => Ok(Stored::Done),
                };
            }
            // What is stored and not carried to its end comes first.
            if let Err(trouble) = self.bucket.ready(self.deadline).await {
                return refuse(&mut group[at..], &trouble);
            }
        }
    }

    /// The messages of the first requests, and where those of each begin: until one depends on what those before it do.
    fn plan(&self, group: &[StorageRequest<'_>]) -> (Vec<Message>, Vec<usize>) {
        let (mut messages, mut begins) = (Vec::new(), Vec::new());
        let mut touched = HashSet::new();
        let mut has_batch = false;
        for request in group {
            let row = (request.namespace, request.key);
            let depends = match request.op {
                StorageOp::Delete => has_batch || touched.contains(&row),
                StorageOp::ClearNamespace => !begins.is_empty(),
                _ => false,
            };
            if depends {
                break;
            }
            begins.push(messages.len());
            messages.extend(self.messages(request));
            has_batch |= request.op == StorageOp::Batch;
            touched.insert(row);
            if request.op == StorageOp::ClearNamespace {
                break;
            }
        }
        (messages, begins)
    }

    /// What a request writes.
    fn messages(&self, request: &StorageRequest<'_>) -> Vec<Message> {
        let (namespace, key) = (request.namespace, request.key);
        match request.op {
            StorageOp::Set => vec![Message::row(namespace, key, Some(request.value))],
            StorageOp::Delete => match self.bucket.index.sequence(namespace, key) {
                Some(_) => vec![Message::row(namespace, key, None)],
                None => Vec::new(),
            },
            StorageOp::Batch if request.value.is_empty() => Vec::new(),
            StorageOp::Batch => self.bucket.whole(Whole::Batch {
                namespace: namespace.to_owned(),
                ops: request.value.to_vec(),
            }),
            StorageOp::ClearNamespace if self.count(request) == 0 => Vec::new(),
            StorageOp::ClearNamespace => self.bucket.whole(Whole::Clear {
                namespace: namespace.to_owned(),
            }),
            _ => Vec::new(),
        }
    }

    /// How many rows the namespace of a request has that clears it.
    fn count(&self, request: &StorageRequest<'_>) -> u32 {
        match request.op {
            StorageOp::ClearNamespace => self.bucket.index.keys(request.namespace).len() as u32,
            _ => 0,
        }
    }

    async fn read(&self, group: &mut [StorageRequest<'_>]) {
        let asked = group
            .iter()
            .map(|request| self.bucket.get(request.namespace, request.key, self.deadline));
        let found = join_all(asked).await;
        for (request, found) in group.iter_mut().zip(found) {
            request.result = match found {
                Err(trouble) => Err(trouble.error()),
                Ok(None) => Ok(Stored::Absent),
                Ok(Some(value)) => copy(&value, request.out),
            };
        }
    }

    async fn list(&self, request: &mut StorageRequest<'_>) -> Result<Stored, Error> {
        self.connected().await?;
        let mut page = PageWriter::new(request.out, request.limit);
        self.bucket
            .index
            .page_of_keys(request.namespace, request.key, &mut page);
        Ok(Stored::Bytes(page.len()))
    }

    /// Waits for a connection: the names are in memory, and without one nobody knows whether they are still the bucket's.
    pub(crate) async fn connected(&self) -> Result<(), Error> {
        while !self.bucket.is_connected() {
            if Instant::now() >= self.deadline {
                return Err(Trouble::Away("the connection is lost".to_owned()).error());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// Answers all of these requests with this error.
pub(crate) fn refuse(group: &mut [StorageRequest<'_>], trouble: &Trouble) {
    for request in group {
        request.result = Err(trouble.error());
    }
}

/// How many of the first requests are so.
fn run(group: &[StorageRequest<'_>], is_so: impl Fn(StorageOp) -> bool) -> usize {
    group.iter().take_while(|request| is_so(request.op)).count()
}

fn copy(value: &[u8], out: &mut [u8]) -> Result<Stored, Error> {
    let (len, max) = (value.len(), out.len());
    let Some(to) = out.get_mut(..len) else {
        return Err(Error::format(
            Fault::TooLarge { max: 0 }.code(),
            format_args!(
                "the value has {len} bytes, {max} are the most that can be read: raise `call_bytes`"
            ),
        ));
    };
    to.copy_from_slice(value);
    Ok(Stored::Bytes(len))
}
