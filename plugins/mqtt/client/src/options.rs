//! What a connection is to be.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use kernel_core::Error;
use plugin_kit::SettingsReader;
use serde_json::Value;

use crate::message::Message;
use crate::password::Password;
use crate::topic;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1.
    V3,
    /// MQTT 5.
    #[default]
    V5,
}

/// A connection to a broker. [`connect`](crate::connect) checks all of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it is: `mqtt://HOST[:1883]`, or `mqtts://HOST[:8883]` with TLS.
    pub broker: String,
    /// The version of the protocol.
    pub version: Version,
    /// The client's name at the broker, which has one client of a name. A random one unless it is set.
    pub client_id: Option<String>,
    /// The user's name.
    pub username: Option<String>,
    /// The file with the password, which nobody but its owner may read. A line break at its end is not part of it.
    pub password_file: Option<PathBuf>,
    /// The environment variable with the password.
    pub password_env: Option<String>,
    /// The certificates, in PEM, by which that of the broker is trusted; the system's own unless it is set.
    pub ca_file: Option<PathBuf>,
    /// Seconds without a packet after which the other side is asked for one: 5 to 3,600.
    pub keep_alive_s: u16,
    /// Begin with a new session. Else the broker may have kept one, with messages, of a former process of this `client_id`.
    pub clean_start: bool,
    /// Seconds that the broker keeps the session while this client is away (MQTT 5), 0 to 604,800.
    pub session_expiry_s: u32,
    /// What the broker publishes when the connection is lost, and this client before it leaves.
    pub will: Option<Message>,
    /// What this client publishes whenever it is connected, before anything else.
    pub birth: Option<Message>,
    /// The most messages that wait, each way: 1 to 100,000. They have 16 MiB at the most besides.
    pub queue: usize,
    /// The most messages that are sent and not yet acknowledged: 1 to 1,000.
    pub in_flight: u16,
    /// The largest packet, in bytes, each way: 1,024 to 16,777,216.
    pub max_packet: u32,
    /// The longest pause between two attempts to connect, in seconds: 1 to 3,600.
    pub reconnect_max_s: u32,
}

/// The setting of a broker's address.
const BROKER: &str = "broker";
/// What it may be.
const BROKER_ALLOWED: &str = "mqtt://HOST[:PORT] or mqtts://HOST[:PORT], without a user and a path";

impl Options {
    /// The usual ones, for this broker.
    pub fn new(broker: impl Into<String>) -> Self {
        Options {
            broker: broker.into(),
            version: Version::V5,
            client_id: None,
            username: None,
            password_file: None,
            password_env: None,
            ca_file: None,
            keep_alive_s: 30,
            clean_start: true,
            session_expiry_s: 600,
            will: None,
            birth: None,
            queue: 1_000,
            in_flight: 100,
            max_packet: 1_048_576,
            reconnect_max_s: 30,
        }
    }

    /// Those in a plugin's settings, under the names of the fields; without `broker` there are none. `will` and `birth`
    /// are the plugin's own business. What is read is checked.
    ///
    /// # Errors
    /// `invalid_settings`, with the key, the value and what is allowed.
    pub fn read(settings: &mut SettingsReader) -> Result<Option<Self>, Error> {
        let any = |_: &str| true;
        let broker = settings.text(BROKER, BROKER_ALLOWED, any)?;
        let mut options = Options::new(broker.as_deref().unwrap_or_default());
        if let Some(version) = settings.value("version") {
            options.version = match &version {
                Value::String(text) if text == "5" => Version::V5,
                Value::String(text) if text == "3.1.1" => Version::V3,
                other => return Err(OptionsError::new("version", other, r#""5" or "3.1.1""#).into()),
            };
        }
        options.client_id = settings.text("client_id", CLIENT_ID, any)?;
        options.username = settings.text("username", "a text", any)?;
        options.password_file = settings.text("password_file", "a path", any)?.map(PathBuf::from);
        options.password_env = settings.text("password_env", "a variable's name", any)?;
        options.ca_file = settings.text("ca_file", "a path", any)?.map(PathBuf::from);
        options.clean_start = settings.flag("clean_start", options.clean_start)?;
        let mut whole = |key, least: u64, most: u64, default: u64| settings.whole(key, least..=most, default);
        options.keep_alive_s = whole("keep_alive_s", 5, 3_600, 30)? as u16;
        options.session_expiry_s = whole("session_expiry_s", 0, 604_800, 600)? as u32;
        options.queue = whole("queue", 1, 100_000, 1_000)? as usize;
        options.in_flight = whole("in_flight", 1, 1_000, 100)? as u16;
        options.max_packet = whole("max_packet", 1_024, 16_777_216, 1_048_576)? as u32;
        options.reconnect_max_s = whole("reconnect_max_s", 1, 3_600, 30)? as u32;
        if broker.is_none() {
            return Ok(None);
        }
        options.check()?;
        Ok(Some(options))
    }

    /// Checks it, and reads nothing.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn check(&self) -> Result<(), OptionsError> {
        let tls = self.address()?.tls;
        let refused = |key, value: &dyn fmt::Display, allowed: &str| {
            Err(OptionsError::new(key, &value.to_string().into(), allowed))
        };
        if let Some(id) = &self.client_id
            && !is_short_text(id, 128)
        {
            return refused("client_id", id, CLIENT_ID);
        }
        if !self.clean_start && self.client_id.is_none() {
            return refused(
                "clean_start",
                &false,
                "false with a client_id, whose session it is",
            );
        }
        if let Some(user) = &self.username
            && !is_short_text(user, 512)
        {
            return refused("username", user, "1 to 512 bytes without control characters");
        }
        let has_password = self.password_file.is_some() || self.password_env.is_some();
        if self.password_file.is_some() && self.password_env.is_some() {
            return refused("password_env", &"set", "one of password_file and password_env");
        }
        if has_password && self.username.is_none() {
            return refused("username", &"not set", "a user's name where there is a password");
        }
        if let Some(ca) = &self.ca_file
            && !tls
        {
            return refused("ca_file", &ca.display(), "a path where the broker is mqtts://");
        }
        for (key, value, least, most) in [
            ("keep_alive_s", u64::from(self.keep_alive_s), 5, 3_600),
            ("session_expiry_s", u64::from(self.session_expiry_s), 0, 604_800),
            ("queue", self.queue as u64, 1, 100_000),
            ("in_flight", u64::from(self.in_flight), 1, 1_000),
            ("max_packet", u64::from(self.max_packet), 1_024, 16_777_216),
            ("reconnect_max_s", u64::from(self.reconnect_max_s), 1, 3_600),
        ] {
            if !(least..=most).contains(&value) {
                return refused(key, &value, &format!("a whole number from {least} to {most}"));
            }
        }
        for (key, message) in [("will", &self.will), ("birth", &self.birth)] {
            if let Some(message) = message
                && !topic::is_topic(&message.topic)
            {
                return refused(key, &message.topic, "a topic without wildcards");
            }
            if message
                .as_ref()
                .is_some_and(|message| message.payload.len() > 65_535)
            {
                return refused(key, &"too large", "a payload of at most 65,535 bytes");
            }
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> Result<Address, OptionsError> {
        Address::parse(&self.broker)
            .ok_or_else(|| OptionsError::new(BROKER, &Value::from(self.broker.as_str()), BROKER_ALLOWED))
    }

    /// The password, read now. `None` when there is none.
    pub(crate) fn password(&self) -> Result<Option<Password>, String> {
        match (&self.password_file, &self.password_env) {
            (Some(path), _) => Password::of_file(path).map(Some),
            (None, Some(name)) => Password::of_variable(name).map(Some),
            (None, None) => Ok(None),
        }
    }

    pub(crate) fn longest_pause(&self) -> Duration {
        Duration::from_secs(self.reconnect_max_s.into())
    }
}

fn is_short_text(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && !text.contains(char::is_control)
}

const CLIENT_ID: &str = "1 to 128 bytes without control characters";

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let (tls, rest) = match text.split_once("://")? {
            ("mqtt", rest) => (false, rest),
            ("mqtts", rest) => (true, rest),
            _ => return None,
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port)
            }
            None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None if port.is_empty() => {
                if tls {
                    8883
                } else {
                    1883
                }
            }
            None => return None,
        };
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/@?#[]".contains(c);
        let is_host = (1..=253).contains(&host.len()) && !host.contains(bad);
        is_host.then(|| Address {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

/// An option that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsError {
    /// The option's name.
    pub key: &'static str,
    message: String,
}

impl OptionsError {
    fn new(key: &'static str, value: &Value, allowed: &str) -> Self {
        let shown: String = value.to_string().chars().take(80).collect();
        OptionsError {
            key,
            message: format!("{key} is {shown}; allowed is {allowed}"),
        }
    }

    pub(crate) fn thread(error: &std::io::Error) -> Self {
        OptionsError {
            key: BROKER,
            message: format!("no thread for the connection: {error}"),
        }
    }
}

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for OptionsError {}

/// As that of settings.
impl From<OptionsError> for Error {
    fn from(error: OptionsError) -> Error {
        Error::new("invalid_settings", &error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let address = |text| Address::parse(text).map(|a| (a.host, a.port, a.tls));
        let host = |name: &str, port, tls| Some((name.to_owned(), port, tls));
        assert_eq!(address("mqtt://broker"), host("broker", 1883, false));
        assert_eq!(address("mqtts://broker.home/"), host("broker.home", 8883, true));
        assert_eq!(address("mqtt://127.0.0.1:1999"), host("127.0.0.1", 1999, false));
        assert_eq!(address("mqtt://[::1]:1999"), host("::1", 1999, false));
        for bad in [
            "",
            "broker",
            "http://broker",
            "mqtt://",
            "mqtt://:1",
            "mqtt://a:0",
            "mqtt://a:x",
            "mqtt://a:1:2",
            "mqtt://user:secret@a",
            "mqtt://a/path",
            "mqtt://[::1",
            "mqtt://[x]:1",
            "mqtt://a b",
            "mqtt://a:70000",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_mistake_names_the_key_the_value_and_what_is_allowed() {
        let good = Options::new("mqtt://a");
        good.check().unwrap();
        let cases: [(Options, &str); 7] = [
            (
                Options::new("a:1883"),
                r#"broker is "a:1883"; allowed is mqtt://"#,
            ),
            (
                Options {
                    keep_alive_s: 1,
                    ..good.clone()
                },
                "keep_alive_s is \"1\"; allowed is a whole number from 5",
            ),
            (
                Options {
                    queue: 0,
                    ..good.clone()
                },
                "queue is",
            ),
            (
                Options {
                    clean_start: false,
                    ..good.clone()
                },
                "client_id",
            ),
            (
                Options {
                    ca_file: Some("x".into()),
                    ..good.clone()
                },
                "mqtts://",
            ),
            (
                Options {
                    password_env: Some("X".into()),
                    ..good.clone()
                },
                "username is",
            ),
            (
                Options {
                    will: Some(Message::new("a/#", "")),
                    ..good.clone()
                },
                r#"will is "a/#""#,
            ),
        ];
        for (options, expected) in cases {
            let error = options.check().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
