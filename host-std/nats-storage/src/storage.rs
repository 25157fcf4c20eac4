//! The kernel's [`Storage`] over a bucket.
//!
//! ```text
//! writes one after another   sent together, acknowledged in order
//! reads one after another    asked together
//! ```

use std::collections::HashSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use kernel_core::storage::{PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{CoreRuntime, Error, Fault};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep};
use tracing::info;

use crate::bucket::{Bucket, Message};
use crate::names::Subjects;
use crate::place::{self, PAUSE};
use crate::records::{Owner, Whole};
use crate::target::Target;
use crate::trouble::Trouble;

/// A bucket as the storage's plugin uses it.
pub struct NatsStorage {
    bucket: Bucket,
    timeout: Duration,
    /// Drives the connection; taken when it is dropped.
    reactor: Option<Runtime>,
}

impl NatsStorage {
    /// Opens the bucket of a URL, made where it is not there, and takes it from whoever wrote in it before. Blocks, at
    /// the most three times the `timeout` in the URL.
    ///
    /// # Errors
    /// What is wrong with the URL, the servers or the bucket, and what to do.
    pub fn open(url: &str, _runtime: CoreRuntime) -> Result<NatsStorage, String> {
        let target = Target::parse(url)?;
        let reactor = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("storage-nats")
            .enable_all()
            .build()
            .map_err(|cause| format!("no thread for the connection: {cause}"))?;
        // The caller may be in an executor, which is not to be entered twice.
        let opened = std::thread::scope(|scope| {
            let opening = scope.spawn(|| reactor.block_on(open(&target)));
            opening
                .join()
                .unwrap_or_else(|cause| std::panic::resume_unwind(cause))
        });
        Ok(NatsStorage {
            bucket: opened?,
            timeout: target.timeout,
            reactor: Some(reactor),
        })
    }

    async fn carry_out(&mut self, group: &mut [StorageRequest<'_>]) {
        let deadline = Instant::now() + self.timeout;
        if let Err(trouble) = self.bucket.ready(deadline).await {
            for request in group {
                request.result = Err(trouble.error());
            }
            return;
        }
        let mut rest = group;
        while !rest.is_empty() {
            let writes = run(rest, StorageOp::is_write);
            let (now, after) = rest.split_at_mut(writes.max(run(rest, |op| op == StorageOp::Get)).max(1));
            rest = after;
            match now.first().map(|request| request.op) {
                Some(op) if op.is_write() => self.write(now, deadline).await,
                Some(StorageOp::Get) => self.read(now, deadline).await,
                _ => {
                    for request in now {
                        request.result = self.list(request, deadline).await;
                    }
                }
            }
        }
    }

    /// Carries out writes, as many together as do not depend on one another.
    async fn write(&mut self, group: &mut [StorageRequest<'_>], deadline: Instant) {
        let mut at = 0;
        while at < group.len() {
            let (messages, begins) = self.plan(&group[at..]);
            let sent = &mut group[at..at + begins.len()];
            let counts: Vec<u32> = sent.iter().map(|request| self.count(request)).collect();
            let total = messages.len();
            let (done, outcome) = self.bucket.append(messages, deadline).await;
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
            if let Err(trouble) = self.bucket.ready(deadline).await {
                for request in &mut group[at..] {
                    request.result = Err(trouble.error());
                }
                return;
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

    async fn read(&self, group: &mut [StorageRequest<'_>], deadline: Instant) {
        let asked = group
            .iter()
            .map(|request| self.bucket.get(request.namespace, request.key, deadline));
        let found = join_all(asked).await;
        for (request, found) in group.iter_mut().zip(found) {
            request.result = match found {
                Err(trouble) => Err(trouble.error()),
                Ok(None) => Ok(Stored::Absent),
                Ok(Some(value)) => copy(&value, request.out),
            };
        }
    }

    async fn list(&self, request: &mut StorageRequest<'_>, deadline: Instant) -> Result<Stored, Error> {
        // The names are in memory; without a server nobody knows whether they are still its own.
        while !self.bucket.is_connected() {
            if Instant::now() >= deadline {
                return Err(Trouble::Away("the connection is lost".to_owned()).error());
            }
            sleep(PAUSE).await;
        }
        let mut page = PageWriter::new(request.out, request.limit);
        match request.op {
            StorageOp::ListKeys => self
                .bucket
                .index
                .page_of_keys(request.namespace, request.key, &mut page),
            _ => self.bucket.index.page_of_namespaces(request.key, &mut page),
        }
        Ok(Stored::Bytes(page.len()))
    }
}

impl Storage for NatsStorage {
    const GROUP: usize = 128;

    async fn apply(&mut self, group: &mut [StorageRequest<'_>]) {
        let Some(reactor) = &self.reactor else { return };
        let handle = reactor.handle().clone();
        let mut work = pin!(self.carry_out(group));
        // Its timers and tasks are the reactor's, whoever polls it.
        poll_fn(move |cx| {
            let _entered = handle.enter();
            work.as_mut().poll(cx)
        })
        .await;
    }
}

impl Drop for NatsStorage {
    fn drop(&mut self) {
        if let Some(reactor) = self.reactor.take() {
            reactor.shutdown_background();
        }
    }
}

impl fmt::Debug for NatsStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsStorage")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
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

async fn open(target: &Target) -> Result<Bucket, String> {
    let client = place::connect(target).await?;
    let subjects = Subjects::new(&target.bucket);
    let place = place::open(&client, target, &target.bucket, subjects.all()).await?;
    let replicas = place.stream.cached_info().config.num_replicas;
    let deadline = Instant::now() + target.timeout;
    let bucket = Bucket::take(place, subjects, owner(0)?, deadline)
        .await
        .map_err(|trouble| format!("bucket {}: {trouble}", target.bucket))?;
    info!(
        bucket = target.bucket,
        replicas,
        server = client.server_info().version,
        "the storage is a NATS bucket"
    );
    Ok(bucket)
}

/// This storage as the writer of a bucket.
fn owner(token: u64) -> Result<Owner, String> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|cause| format!("no random numbers: {cause}"))?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Ok(Owner {
        id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
        token,
        doubt: 0,
        holder: format!("process {} on {:?}", std::process::id(), host.trim()),
    })
}
