//! The connection, and the stream of a bucket: made, or found and checked.

use std::fs;
use std::future::Future;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{Context, ContextBuilder, CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use async_nats::{Client, ConnectOptions};
use tokio::time::{Instant, sleep};

use crate::target::Target;
use crate::trouble::Trouble;

/// How long one answer is waited for, before it is asked again.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);

/// The pause before that.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// The stream of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) jetstream: Context,
    pub(crate) stream: Stream,
}

/// A message as the server has it.
pub(crate) struct Found {
    pub(crate) sequence: u64,
    pub(crate) payload: bytes::Bytes,
    pub(crate) headers: async_nats::HeaderMap,
}

impl Place {
    /// The sequence of the last message.
    pub(crate) async fn last_sequence(&self) -> Result<u64, Trouble> {
        let info = self.stream.get_info().await;
        info.map(|info| info.state.last_sequence)
            .map_err(|cause| Trouble::Away(cause.to_string()))
    }

    /// The last message on a subject; `None` when there is none.
    pub(crate) async fn last(&self, subject: &str) -> Result<Option<Found>, Trouble> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(Found {
                sequence: message.sequence,
                payload: message.payload,
                headers: message.headers,
            })),
            Err(cause) if cause.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(cause) => Err(Trouble::Away(cause.to_string())),
        }
    }

    /// The message with this sequence; `None` when it is not there any more.
    pub(crate) async fn message(&self, sequence: u64) -> Result<Option<Found>, Trouble> {
        match self.stream.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(Found {
                sequence: message.sequence,
                payload: message.payload,
                headers: message.headers,
            })),
            Err(cause) if cause.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(cause) => Err(Trouble::Away(cause.to_string())),
        }
    }
}

/// Asks until there is an answer, at the latest at `deadline`.
pub(crate) async fn until<T, F: Future<Output = Result<T, Trouble>>>(
    deadline: Instant,
    mut ask: impl FnMut() -> F,
) -> Result<T, Trouble> {
    loop {
        match ask().await {
            Err(trouble) if trouble.may_pass() && Instant::now() < deadline => sleep(PAUSE).await,
            answer => return answer,
        }
    }
}

/// Connects to the servers of a URL.
pub(crate) async fn connect(target: &Target) -> Result<Client, String> {
    let mut options = ConnectOptions::new()
        .name(format!("core-runtime storage {}", target.bucket))
        .connection_timeout(target.timeout.min(Duration::from_secs(5)))
        .ping_interval(Duration::from_secs(10))
        .request_timeout(Some(ATTEMPT))
        .reconnect_delay_callback(|attempts| PAUSE * (1 << attempts.saturating_sub(1).min(4)))
        .require_tls(target.tls);
    if let Some(ca) = &target.ca {
        fs::File::open(ca).map_err(|cause| format!("ca is {ca:?}: {cause}"))?;
        options = options.add_root_certificates(ca.clone());
    }
    if let Some(path) = &target.credentials {
        let text = secret(path)?;
        options = match text.trim().split_once(':') {
            _ if text.contains("NATS USER JWT") => options
                .credentials(&text)
                .map_err(|cause| format!("credentials {path:?}: {cause}"))?,
            Some((user, password)) => options.user_and_password(user.to_owned(), password.to_owned()),
            None => {
                return Err(format!(
                    "credentials {path:?} is neither a file of the command nsc nor a line user:password"
                ));
            }
        };
    }
    let names: Vec<_> = target
        .servers
        .iter()
        .map(|s| format!("{}:{}", s.host(), s.port()))
        .collect();
    options.connect(&target.servers[..]).await.map_err(|cause| {
        format!(
            "no NATS server at {}: {cause}; start it with JetStream (nats-server -js), or correct runtime.storage",
            names.join(", ")
        )
    })
}

/// A file that nobody else can read.
fn secret(path: &std::path::Path) -> Result<String, String> {
    let cannot = |cause: std::io::Error| format!("credentials {path:?}: {cause}");
    let mode = fs::metadata(path).map_err(cannot)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "credentials {path:?} has mode {mode:o}, so that others can read it: chmod 600"
        ));
    }
    fs::read_to_string(path).map_err(cannot)
}

/// The stream of `bucket`, made where it is not there, with as many replicas as are wanted.
pub(crate) async fn open(
    client: &Client,
    target: &Target,
    bucket: &str,
    subject: String,
) -> Result<Place, String> {
    let jetstream = ContextBuilder::new()
        .timeout(ATTEMPT)
        .ack_timeout(ATTEMPT)
        .build(client.clone());
    let clustered = client.server_info().cluster.is_some();
    let replicas = target.replicas.unwrap_or(if clustered { 3 } else { 1 });
    let name = format!("KV_{bucket}");
    let wanted = Config {
        name: name.clone(),
        description: Some("The storage of a Core Runtime".to_owned()),
        subjects: vec![subject],
        max_messages_per_subject: 1,
        max_bytes: target.max_bytes.unwrap_or(-1),
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        num_replicas: replicas,
        allow_rollup: true,
        deny_delete: true,
        ..Config::default()
    };
    let deadline = Instant::now() + target.timeout;
    let stream = loop {
        let found = match jetstream.get_stream(&name).await {
            Ok(stream) => Ok(stream),
            Err(cause) => match cause.kind() {
                GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    jetstream
                        .create_stream(&wanted)
                        .await
                        .map_err(|cause| refusal(&cause, replicas))
                }
                _ => Err((cause.to_string(), true)),
            },
        };
        match found {
            Ok(stream) => break stream,
            // A cluster that has just started has no leader yet.
            Err((_, true)) if Instant::now() < deadline => sleep(PAUSE).await,
            Err((cause, _)) => return Err(format!("bucket {bucket}: {cause}")),
        }
    };
    check(&stream.cached_info().config, replicas).map_err(|cause| format!("bucket {bucket}: {cause}"))?;
    Ok(Place { jetstream, stream })
}

/// Why a bucket was not made, and whether that may pass.
fn refusal(cause: &async_nats::jetstream::context::CreateStreamError, replicas: usize) -> (String, bool) {
    let CreateStreamErrorKind::JetStream(error) = cause.kind() else {
        return (cause.to_string(), true);
    };
    let few = "start as many servers in the cluster, or say so with replicas=N";
    match error.error_code() {
        ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED => (
            format!("replicas is {replicas}, and the server is in no cluster: {few}"),
            false,
        ),
        ErrorCode::CLUSTER_NO_PEERS => (
            format!("replicas is {replicas}, and there are too few servers: {error}; {few}"),
            true,
        ),
        ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => (
            format!("{error}; start the server with -js, or give the account JetStream"),
            false,
        ),
        _ => (error.to_string(), error.code() == 503),
    }
}

/// What a bucket that was there must be like.
fn check(config: &Config, replicas: usize) -> Result<(), String> {
    let name = &config.name;
    if config.num_replicas < replicas {
        return Err(format!(
            "it has {} replicas, and {replicas} are wanted: `nats stream edit {name} --replicas {replicas}`, or say so \
             with replicas=N",
            config.num_replicas
        ));
    }
    let forgets = config.max_age > Duration::ZERO
        || config.max_messages > 0
        || config.storage != StorageType::File
        || config.retention != RetentionPolicy::Limits
        || config.discard != DiscardPolicy::New
        || config.max_messages_per_subject != 1
        || config.no_ack;
    match forgets {
        false => Ok(()),
        true => Err(format!(
            "its stream {name} is not one that keeps everything (in files, one message for each subject, no age, no \
             count, new ones refused when it is full): name another bucket"
        )),
    }
}
