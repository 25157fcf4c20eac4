//! The storage of a runtime in a NATS JetStream key-value bucket: on one server, or on several that each have a copy.
//!
//! ```toml
//! [runtime]
//! storage = "nats://10.0.0.1:4222,10.0.0.2:4222/home?replicas=3&credentials=/etc/core-runtime/nats.creds"
//! ```
//!
//! | setting | meaning | default |
//! |---|---|---|
//! | `replicas` | how many servers keep each value, 1 to 5; refused where there are fewer | 3 in a cluster, 1 at a server alone |
//! | `credentials` | a file of mode 600: one of the command `nsc`, or a line `user:password` | none |
//! | `tls`, `ca` | only with TLS; the PEM file of who signed the servers' certificates | false, the system's |
//! | `timeout` | seconds that a request waits for a server at the most, 1 to 300 | 10 |
//! | `shared`, `shared_bucket` | namespaces of singletons, `a,b`; what the names of their buckets begin with | none, `shared` |
//! | `max_bytes` | what a bucket that is made here may grow to | the account's limit |
//!
//! Acknowledged means: stored by as many servers as the bucket has replicas need for a majority. A bucket has one writer.
//! Whoever opens it takes it, and what wrote in it before is refused from then on (`storage_fenced`): two runtimes need
//! two buckets. A batch, and the clearing of a namespace, are one message that says all of it, and messages for the rows;
//! they are carried to their end before anything else is read or written, by whoever opens the bucket next if need be.
//! Other programs that read the bucket meanwhile may see a part of the rows.
//!
//! A singleton of a cluster takes its namespace with it from runtime to runtime: `shared=heating` keeps the namespace
//! `heating` in the bucket `shared-heating`, which belongs to whoever has the lease with the highest token. The lease is
//! that of the state `cluster.lease.heating`; without it requests are answered `no_lease`, and whoever still has an older
//! token writes nothing any more.
//!
//! A key is `<namespace>.<key>` to key-value tools, bytes other than ASCII letters, digits, `-` and `_` as `=XX`. The names
//! are kept in memory, in the order of their bytes; the values are with the servers.
//!
//! Errors, by their codes: `storage_failed` when no server answers in time, `storage_full`, `too_large` (the server's
//! `max_payload`), `storage_fenced`, `no_lease`, `corrupt`.

mod bucket;
mod index;
mod names;
mod place;
mod records;
mod shared;
mod storage;
mod target;
mod trouble;
mod turn;

pub use storage::NatsStorage;
