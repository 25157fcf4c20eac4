//! The kernel's [`Storage`] over the bucket of a runtime, and over those of singletons whose lease it has.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::Duration;

use async_nats::Client;
use kernel_core::storage::{PageWriter, Storage, StorageOp, StorageRequest, Stored};
use kernel_core::{CoreRuntime, Error};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tracing::info;

use crate::bucket::Bucket;
use crate::names::Subjects;
use crate::place;
use crate::records::Owner;
use crate::shared::{Shared, Token};
use crate::target::Target;
use crate::trouble::Trouble;
use crate::turn::{Turn, refuse};

/// A bucket as the storage's plugin uses it.
pub struct NatsStorage {
    own: Bucket,
    shared: Vec<Shared>,
    client: Client,
    target: Target,
    runtime: CoreRuntime,
    /// Drives the connection; taken when it is dropped.
    reactor: Option<Runtime>,
}

impl NatsStorage {
    /// Opens the bucket of a URL, made where it is not there, and takes it from whoever wrote in it before. Blocks, at
    /// the most three times the `timeout` in the URL. The state of `runtime` says which leases it has.
    ///
    /// # Errors
    /// What is wrong with the URL, the servers or the bucket, and what to do.
    pub fn open(url: &str, runtime: CoreRuntime) -> Result<NatsStorage, String> {
        let target = Target::parse(url)?;
        let reactor = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("storage-nats")
            .enable_all()
            .build()
            .map_err(|cause| format!("no thread for the connection: {cause}"))?;
        // The caller may be in an executor, which is not to be entered twice.
        let opened = std::thread::scope(|scope| {
            let opening = scope.spawn(|| {
                reactor.block_on(async {
                    let client = place::connect(&target).await?;
                    let own = open(&client, &target, &target.bucket, 0).await?;
                    Ok::<_, String>((client, own))
                })
            });
            opening
                .join()
                .unwrap_or_else(|cause| std::panic::resume_unwind(cause))
        });
        // Dropped in an executor it must not wait for its threads.
        let (client, own) = match opened {
            Ok(opened) => opened,
            Err(cause) => {
                reactor.shutdown_background();
                return Err(cause);
            }
        };
        Ok(NatsStorage {
            own,
            shared: target
                .shared
                .iter()
                .map(|namespace| Shared::new(namespace))
                .collect(),
            client,
            target,
            runtime,
            reactor: Some(reactor),
        })
    }

    async fn carry_out(&mut self, group: &mut [StorageRequest<'_>]) {
        let deadline = Instant::now() + self.target.timeout;
        let mut rest = group;
        while let Some(first) = rest.first() {
            if first.op == StorageOp::Namespaces {
                let (now, after) = rest.split_at_mut(1);
                rest = after;
                for request in now {
                    request.result = self.namespaces(request, deadline).await;
                }
                continue;
            }
            let home = self.home(first.namespace);
            let together = rest.iter().take_while(|request| {
                request.op != StorageOp::Namespaces && self.home(request.namespace) == home
            });
            let count = together.count();
            let (now, after) = rest.split_at_mut(count);
            rest = after;
            match self.bucket(home, deadline).await {
                Ok(bucket) => Turn { bucket, deadline }.carry_out(now).await,
                Err(trouble) => refuse(now, &trouble),
            }
        }
    }

    /// Which of the shared buckets has this namespace; `None` for the runtime's own.
    fn home(&self, namespace: &str) -> Option<usize> {
        self.shared
            .iter()
            .position(|shared| shared.namespace == namespace)
    }

    /// The bucket, taken by this runtime's lease where it is a shared one.
    async fn bucket(&mut self, home: Option<usize>, deadline: Instant) -> Result<&mut Bucket, Trouble> {
        let Some(shared) = home.and_then(|home| self.shared.get_mut(home)) else {
            return Ok(&mut self.own);
        };
        let token = shared.token(self.runtime).await?;
        if shared.taken.as_ref().is_none_or(|(by, _)| *by != token) {
            let Token(number) = token;
            let name = format!("{}-{}", self.target.shared_bucket, shared.namespace);
            let bucket = take(&self.client, &self.target, &name, number, deadline).await?;
            shared.taken = Some((token, bucket));
        }
        let taken = shared.taken.as_mut().map(|(_, bucket)| bucket);
        taken.ok_or_else(|| Trouble::Away("its bucket is not open".to_owned()))
    }

    /// The namespaces of its own bucket, and the shared ones that it has taken and that are not empty.
    async fn namespaces(
        &mut self,
        request: &mut StorageRequest<'_>,
        deadline: Instant,
    ) -> Result<Stored, Error> {
        let turn = Turn {
            bucket: &mut self.own,
            deadline,
        };
        turn.connected().await?;
        let taken = self.shared.iter().filter_map(|shared| shared.taken.as_ref());
        let indices = taken.map(|(_, bucket)| &bucket.index).chain([&self.own.index]);
        let mut names: Vec<&str> = indices
            .flat_map(|index| index.namespaces_after(request.key))
            .collect();
        names.sort_unstable();
        let mut page = PageWriter::new(request.out, request.limit);
        for name in names {
            if !page.push(name) {
                break;
            }
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
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Opens a bucket and takes it by this token.
async fn open(client: &Client, target: &Target, name: &str, token: u64) -> Result<Bucket, String> {
    let subjects = Subjects::new(name);
    let place = place::open(client, target, name, subjects.all()).await?;
    let replicas = place.stream.cached_info().config.num_replicas;
    let deadline = Instant::now() + target.timeout;
    let bucket = Bucket::take(place, subjects, owner(token)?, deadline)
        .await
        .map_err(|trouble| format!("bucket {name}: {trouble}"))?;
    info!(
        replicas,
        server = client.server_info().version,
        "the storage has the NATS bucket {name}"
    );
    Ok(bucket)
}

/// The same for a shared one, while requests wait.
async fn take(
    client: &Client,
    target: &Target,
    name: &str,
    token: u64,
    deadline: Instant,
) -> Result<Bucket, Trouble> {
    let subjects = Subjects::new(name);
    let left = deadline
        .saturating_duration_since(Instant::now())
        .max(Duration::from_secs(1));
    let opening = place::open(client, target, name, subjects.all());
    let place = tokio::time::timeout(left, opening).await;
    let place = place
        .map_err(|_| Trouble::Away(format!("bucket {name} was not opened in time")))?
        .map_err(Trouble::Away)?;
    let owner = owner(token).map_err(Trouble::Away)?;
    let bucket = Bucket::take(place, subjects, owner, deadline).await?;
    info!("the storage has the NATS bucket {name}, by the lease with token {token}");
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
