//! The settings, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kernel_core::{Context, Error};
use plugin_kit::SettingsReader;

/// See the crate's documentation.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) listen: SocketAddr,
    /// The files of a certificate and its key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) origins: Vec<String>,
    pub(crate) limits: Limits,
}

/// How much of everything clients may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) body_bytes: usize,
    pub(crate) key_per_second: u32,
    pub(crate) address_per_second: u32,
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
}

impl HttpSettings {
    /// Those of the plugin; `None` where it is not to listen.
    pub(crate) async fn read(cx: &Context) -> Result<Option<Self>, Error> {
        let mut settings = SettingsReader::new(cx).await?;
        let is_address = |text: &str| text.parse::<SocketAddr>().is_ok();
        let allowed = "an IP address and a port, e.g. \"127.0.0.1:8080\" or \"[::1]:8080\"";
        let listen = settings.text("listen", allowed, is_address)?;
        let certificate = settings.text("certificate", "the path of a file in PEM", is_file)?;
        let key = settings.text("key", "the path of a file in PEM", is_file)?;
        let origins = settings.texts(
            "origins",
            "a scheme and a host, with a port where it is not the scheme's own, e.g. \"https://panel.example\"",
            is_origin,
        )?;
        let seconds = |settings: &mut SettingsReader, key, default| {
            settings.whole(key, 1..=3_600, default).map(Duration::from_secs)
        };
        let limits = Limits {
            body_bytes: settings.whole("body_bytes", 1_024..=1 << 20, 65_536)? as usize,
            key_per_second: settings.whole("key_per_second", 1..=1_000_000, 200)? as u32,
            address_per_second: settings.whole("address_per_second", 1..=1_000_000, 400)? as u32,
            connections: settings.whole("connections", 1..=65_536, 512)? as usize,
            connections_per_address: settings.whole("connections_per_address", 1..=65_536, 128)? as usize,
            header_timeout: seconds(&mut settings, "header_timeout_s", 10)?,
            body_timeout: seconds(&mut settings, "body_timeout_s", 30)?,
            write_timeout: seconds(&mut settings, "write_timeout_s", 30)?,
        };
        settings.finish()?;
        let Some(listen) = listen.and_then(|text| text.parse::<SocketAddr>().ok()) else {
            return Ok(None);
        };
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) if listen.ip().is_loopback() => None,
            (None, None) => {
                return Err(invalid(format_args!(
                    "listen is {listen}, which others can reach, and keys would go over the wire as they are: allowed is \
                     a loopback address such as 127.0.0.1:{}, or certificate and key",
                    listen.port()
                )));
            }
            (Some(_), None) => {
                return Err(invalid(format_args!(
                    "certificate is there without key: allowed are both"
                )));
            }
            (None, Some(_)) => {
                return Err(invalid(format_args!(
                    "key is there without certificate: allowed are both"
                )));
            }
        };
        Ok(Some(HttpSettings {
            listen,
            tls,
            origins: origins.unwrap_or_default(),
            limits,
        }))
    }
}

fn invalid(what: std::fmt::Arguments<'_>) -> Error {
    Error::format("invalid_settings", what)
}

fn is_file(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/') && !path.contains('\0')
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    })
}
