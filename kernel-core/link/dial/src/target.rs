//! Where a runtime is, and how people write that.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use kernel_link::Framing;

/// The speed of a serial line that names none.
const BAUD: u32 = 115_200;

/// Where the runtime listens that is a service of this machine.
pub const SERVICE_SOCKET: &str = "/run/core-runtime/runtime.sock";

/// The longest path of a Unix socket.
const MAX_SOCKET: usize = 107;

/// Where a runtime is. As a text: a socket's path, also as `unix:PATH`, `tcp:HOST:PORT`, `tcp:plain:HOST:PORT`, `serial:DEVICE[:BAUD]`, or
/// `serial:tcp:HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// At a Unix socket.
    Unix(PathBuf),
    /// At a TCP port.
    Tcp {
        /// Host and port.
        address: String,
        /// Without TLS.
        plain: bool,
    },
    /// On a serial line that somebody else has, at a TCP port: a serial server, or an emulator.
    SerialServer {
        /// Host and port.
        address: String,
    },
    /// On a serial line.
    Serial {
        /// The device, or an emulator's Unix socket in its place.
        device: PathBuf,
        /// Its speed in bits per second.
        baud: u32,
    },
}

impl Target {
    /// The TCP port `HOST:PORT`, or `plain:HOST:PORT` without TLS.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn tcp(text: &str) -> Result<Target, String> {
        let (address, plain) = match text.strip_prefix("plain:") {
            Some(address) => (address, true),
            None => (text, false),
        };
        let address = tcp(address)?;
        Ok(Target::Tcp { address, plain })
    }

    /// The serial line `DEVICE`, `DEVICE:BAUD` or `tcp:HOST:PORT`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn serial(text: &str) -> Result<Target, String> {
        match text.strip_prefix("tcp:") {
            Some(address) => Ok(Target::SerialServer {
                address: tcp(address)?,
            }),
            None => serial(text),
        }
    }

    /// How messages are told apart there.
    pub fn framing(&self) -> Framing {
        match self {
            Target::Serial { .. } | Target::SerialServer { .. } => Framing::Serial,
            Target::Unix(_) | Target::Tcp { .. } => Framing::Stream,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(line) = text.strip_prefix("serial:") {
            return Target::serial(line);
        }
        if let Some(address) = text.strip_prefix("tcp:") {
            return Target::tcp(address);
        }
        let text = text.strip_prefix("unix:").unwrap_or(text);
        if text.is_empty() {
            return Err("it is empty: say a socket's path, serial:DEVICE[:BAUD] or tcp:HOST:PORT".to_owned());
        }
        if text.len() > MAX_SOCKET {
            return Err(format!(
                "the path has {} bytes, a Unix socket's has at most {MAX_SOCKET}: use a shorter one",
                text.len()
            ));
        }
        Ok(Target::Unix(text.into()))
    }
}

fn serial(line: &str) -> Result<Target, String> {
    let (device, baud) = match line.rsplit_once(':') {
        Some((device, baud)) => match baud.parse() {
            Ok(baud) if baud > 0 => (device, baud),
            _ => {
                return Err(format!(
                    "`{baud}` is no speed: a serial line is DEVICE or DEVICE:BAUD"
                ));
            }
        },
        None => (line, BAUD),
    };
    if device.is_empty() {
        return Err("the device is missing: a serial line is DEVICE or DEVICE:BAUD".to_owned());
    }
    Ok(Target::Serial {
        device: device.into(),
        baud,
    })
}

fn tcp(address: &str) -> Result<String, String> {
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok(address.to_owned()),
            _ => Err(format!(
                "`{port}` is no port: a TCP port is HOST:PORT, with a port from 1 to 65535"
            )),
        },
        _ => Err(format!(
            "`{address}` is no address: a TCP port is HOST:PORT, such as 127.0.0.1:7700"
        )),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Unix(path) => path.display().fmt(f),
            Target::Tcp { address, plain: true } => write!(f, "tcp:plain:{address}"),
            Target::Tcp { address, .. } => write!(f, "tcp:{address}"),
            Target::SerialServer { address } => write!(f, "serial:tcp:{address}"),
            Target::Serial { device, baud } => write!(f, "serial:{}:{baud}", device.display()),
        }
    }
}

impl Target {
    /// The socket where the runtime that was started with these variables listens: `RUNTIME_SOCKET`, or
    /// `runtime.sock` beside the database that `RUNTIME_DB_PATH` names. Where neither is set and there is none in this
    /// folder, it is the one of this machine's service, [`SERVICE_SOCKET`].
    ///
    /// # Errors
    /// What is wrong with the variable.
    pub fn default_socket(var: impl Fn(&str) -> Option<OsString>) -> Result<Target, String> {
        let path = match var("RUNTIME_SOCKET") {
            Some(path) => PathBuf::from(path),
            None => match var("RUNTIME_DB_PATH") {
                Some(path) if path.is_empty() => {
                    return Err("RUNTIME_DB_PATH is empty: unset it, or say where the database is".to_owned());
                }
                Some(path) => beside(Path::new(&path)),
                None => service_or(beside(Path::new("data/runtime.db"))),
            },
        };
        let len = path.as_os_str().len();
        if len == 0 {
            return Err("RUNTIME_SOCKET is empty: unset it, or say where the socket is".to_owned());
        }
        if len > MAX_SOCKET {
            return Err(format!(
                "the default socket {} has {len} bytes, a Unix socket's path has at most {MAX_SOCKET}: \
                 say another one",
                path.display()
            ));
        }
        Ok(Target::Unix(path))
    }
}

/// The socket of the runtime that is this machine's service, where there is one and none is here.
pub fn service_or(here: PathBuf) -> PathBuf {
    let service = Path::new(SERVICE_SOCKET);
    match !here.exists() && service.exists() {
        true => service.to_path_buf(),
        false => here,
    }
}

fn beside(database: &Path) -> PathBuf {
    database.with_file_name(OsStr::new("runtime.sock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_prefix() {
        let unix: Target = "data/runtime.sock".parse().unwrap();
        assert_eq!(unix, Target::Unix("data/runtime.sock".into()));
        assert_eq!("unix:data/runtime.sock".parse(), Ok(unix));
        let line = |text: &str| match text.parse() {
            Ok(Target::Serial { device, baud }) => (device.display().to_string(), baud),
            other => panic!("{other:?}"),
        };
        assert_eq!(line("serial:/dev/ttyACM0"), ("/dev/ttyACM0".to_owned(), 115_200));
        assert_eq!(
            line("serial:/dev/ttyACM0:9600"),
            ("/dev/ttyACM0".to_owned(), 9600)
        );
        let address = |text: &str| match text.parse() {
            Ok(Target::Tcp {
                address,
                plain: false,
            }) => address,
            other => panic!("{other:?}"),
        };
        assert_eq!(address("tcp:localhost:7700"), "localhost:7700");
        assert_eq!(address("tcp:[::1]:7700"), "[::1]:7700");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        for (wrong, says) in [
            ("", "empty"),
            ("serial:", "device"),
            ("serial::9600", "device"),
            ("serial:/dev/ttyACM0:fast", "`fast`"),
            ("serial:/dev/ttyACM0:0", "`0`"),
            ("tcp:localhost", "`localhost`"),
            ("serial:tcp:localhost", "`localhost`"),
            ("serial:tcp:localhost:0", "`0`"),
            ("tcp::7700", "`:7700`"),
            ("tcp:localhost:0", "`0`"),
            ("tcp:localhost:70000", "`70000`"),
        ] {
            let error = wrong.parse::<Target>().unwrap_err();
            assert!(error.contains(says), "{wrong:?}: {error}");
        }
        let long = "x".repeat(108);
        assert!(long.parse::<Target>().unwrap_err().contains("108 bytes"));
    }

    #[test]
    fn a_target_reads_back_what_it_prints() {
        for text in [
            "/run/runtime.sock",
            "serial:/dev/ttyACM0:115200",
            "serial:tcp:127.0.0.1:7799",
            "tcp:127.0.0.1:7700",
            "tcp:plain:127.0.0.1:7700",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn the_default_is_the_socket_of_the_runtime_with_the_same_variables() {
        let with = |vars: &'static [(&str, &str)]| {
            Target::default_socket(move |name| {
                let found = vars.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| value.into())
            })
            .map(|target| target.to_string())
        };
        assert_eq!(with(&[]).unwrap(), "data/runtime.sock");
        assert_eq!(with(&[("RUNTIME_DB_PATH", "house.db")]).unwrap(), "runtime.sock");
        assert_eq!(
            with(&[("RUNTIME_DB_PATH", "/a/b/c.db")]).unwrap(),
            "/a/b/runtime.sock"
        );
        let both = [("RUNTIME_DB_PATH", "/a/b/c.db"), ("RUNTIME_SOCKET", "/x")];
        assert_eq!(with(Box::leak(Box::new(both))).unwrap(), "/x");
        assert!(
            with(&[("RUNTIME_SOCKET", "")])
                .unwrap_err()
                .contains("RUNTIME_SOCKET")
        );
        assert!(
            with(&[("RUNTIME_DB_PATH", "")])
                .unwrap_err()
                .contains("RUNTIME_DB_PATH")
        );
    }
}
