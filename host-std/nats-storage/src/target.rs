//! The URL of a bucket.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;

/// The settings of the query.
const KNOWN: &str = "replicas, credentials, ca, tls, timeout, max_bytes, shared, shared_bucket";

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The servers, of which one is enough to begin with.
    pub(crate) servers: Vec<ServerAddr>,
    pub(crate) bucket: String,
    /// How many servers keep each value; unless it is said, 3 in a cluster and 1 at a server alone.
    pub(crate) replicas: Option<usize>,
    /// The file with what to log in by.
    pub(crate) credentials: Option<PathBuf>,
    /// The certificate of whoever signed the servers' ones, in PEM.
    pub(crate) ca: Option<PathBuf>,
    /// Whether only a connection with TLS will do.
    pub(crate) tls: bool,
    /// How long a request waits for a server at the most.
    pub(crate) timeout: Duration,
    /// The bytes that a bucket that is made here may grow to.
    pub(crate) max_bytes: Option<i64>,
    /// Namespaces of singletons, each in a bucket that several runtimes use.
    pub(crate) shared: Vec<String>,
    /// What the names of those buckets begin with.
    pub(crate) shared_bucket: String,
}

impl Target {
    /// Reads `nats://HOST:PORT[,HOST:PORT]/BUCKET[?setting=value&…]`.
    pub(crate) fn parse(url: &str) -> Result<Target, String> {
        let wanted = "a storage URL is nats://HOST:PORT/BUCKET, e.g. nats://127.0.0.1:4222/home?replicas=3";
        let rest = url.strip_prefix("nats://").ok_or(wanted)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, bucket) = place.split_once('/').ok_or(wanted)?;
        if hosts.contains('@') {
            return Err(
                "a user or password has no place in the URL: write it to a file, and name that with credentials=FILE"
                    .to_owned(),
            );
        }
        let mut servers = Vec::new();
        for host in hosts.split(',') {
            let server = format!("nats://{host}").parse::<ServerAddr>();
            let server = server.ok().filter(|server| !server.host().is_empty());
            servers
                .push(server.ok_or_else(|| format!("server {host:?} is not HOST or HOST:PORT; {wanted}"))?);
        }
        if !is_name(bucket) {
            return Err(format!(
                "bucket {bucket:?} has to be 1 to 64 ASCII letters, digits, - and _; {wanted}"
            ));
        }
        let mut target = Target {
            servers,
            bucket: bucket.to_owned(),
            replicas: None,
            credentials: None,
            ca: None,
            tls: false,
            timeout: Duration::from_secs(10),
            max_bytes: None,
            shared: Vec::new(),
            shared_bucket: "shared".to_owned(),
        };
        for setting in query.split('&').filter(|setting| !setting.is_empty()) {
            let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
            target.set(name, value)?;
        }
        Ok(target)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let refused = |allowed: &str| Err(format!("{name} is {value:?}; allowed is {allowed}"));
        match name {
            "replicas" => match value.parse() {
                Ok(count @ 1..=5) => self.replicas = Some(count),
                _ => return refused("a number from 1 to 5, and not more than there are servers"),
            },
            "timeout" => match value.parse() {
                Ok(seconds @ 1..=300) => self.timeout = Duration::from_secs(seconds),
                _ => return refused("a whole number of seconds from 1 to 300"),
            },
            "max_bytes" => match value.parse() {
                Ok(bytes @ 65_536..) => self.max_bytes = Some(bytes),
                _ => return refused("a number of bytes, at least 65536"),
            },
            "tls" => match value {
                "true" => self.tls = true,
                "false" => self.tls = false,
                _ => return refused("true or false"),
            },
            "credentials" | "ca" if value.is_empty() => return refused("the path of a file"),
            "shared" => match value.split(',').all(is_name) {
                true => self.shared = value.split(',').map(str::to_owned).collect(),
                false => return refused("names of plugins with commas between them"),
            },
            "shared_bucket" => match is_name(value) {
                true => self.shared_bucket = value.to_owned(),
                false => return refused("1 to 64 ASCII letters, digits, - and _"),
            },
            "credentials" => self.credentials = Some(value.into()),
            "ca" => self.ca = Some(value.into()),
            _ => return Err(format!("there is no setting {name:?}; known are {KNOWN}")),
        }
        Ok(())
    }
}

/// True for what a bucket may be called, and a plugin.
fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_all_that_there_is_to_say() {
        let url = "nats://a:4222,b,[::1]:9/home-1?replicas=3&timeout=2&credentials=/x/y&ca=c.pem&tls=true&max_bytes=70000";
        let target = Target::parse(url).unwrap();
        let servers: Vec<_> = target
            .servers
            .iter()
            .map(|s| (s.host().to_owned(), s.port()))
            .collect();
        assert_eq!(servers[0], ("a".to_owned(), 4222));
        assert_eq!(servers[1], ("b".to_owned(), 4222));
        assert_eq!(servers[2].1, 9);
        assert_eq!((target.bucket.as_str(), target.replicas), ("home-1", Some(3)));
        assert_eq!(target.timeout, Duration::from_secs(2));
        assert_eq!(target.credentials, Some("/x/y".into()));
        assert_eq!(
            (target.ca, target.tls, target.max_bytes),
            (Some("c.pem".into()), true, Some(70_000))
        );
        assert_eq!(Target::parse("nats://a/b").unwrap().replicas, None);
    }

    #[test]
    fn a_mistake_is_named_with_what_is_allowed_and_no_secret_is_repeated() {
        for (url, expected) in [
            ("nats://", "nats://HOST:PORT/BUCKET"),
            ("nats://a:4222", "nats://HOST:PORT/BUCKET"),
            ("nats://a:4222/", "bucket \"\""),
            ("nats://a:4222/x/y", "bucket \"x/y\""),
            ("nats://a:4222/дом", "1 to 64 ASCII letters"),
            ("nats://a:port/x", "\"a:port\""),
            ("nats://a:1,,b:2/x", "server \"\""),
            (
                "nats://a/x?replicas=0",
                "replicas is \"0\"; allowed is a number from 1 to 5",
            ),
            ("nats://a/x?replicas", "replicas is \"\""),
            (
                "nats://a/x?timeout=1.5",
                "a whole number of seconds from 1 to 300",
            ),
            ("nats://a/x?tls=yes", "true or false"),
            ("nats://a/x?ca=", "the path of a file"),
            ("nats://a/x?max_bytes=10", "at least 65536"),
            ("nats://a/x?shared=", "names of plugins"),
            ("nats://a/x?shared=a,,b", "names of plugins"),
            ("nats://a/x?shared_bucket=a.b", "ASCII letters"),
            ("nats://a/x?replica=3", "known are replicas, credentials"),
            ("nats://u:hunter2@a/x", "credentials=FILE"),
        ] {
            let refused = Target::parse(url).unwrap_err();
            assert!(refused.contains(expected), "{url}: {refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
