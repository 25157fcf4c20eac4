//! The TCP port in the file.

use std::net::SocketAddr;
use std::path::Path;

use super::error::ConfigError;
use super::file::{RawRuntime, Source};
use super::{CertificateFiles, TcpConfig};

const SHORTEST_TOKEN: usize = 16;

/// The link over TCP, of the runtime with this database; `None` when it is off.
pub(super) fn tcp(
    source: &Source<'_>,
    raw: &RawRuntime,
    database: &Path,
) -> Result<Option<TcpConfig>, ConfigError> {
    if let Some(token) = &raw.tcp_token {
        let length = token.get_ref().chars().count();
        if length < SHORTEST_TOKEN {
            return Err(source.field(
                token.span(),
                "runtime.tcp_token",
                format!("{length} characters long"),
                "a secret of at least 16 characters",
            ));
        }
    }
    let Some(address) = &raw.tcp else {
        return Ok(None);
    };
    let Ok(parsed) = address.get_ref().parse::<SocketAddr>() else {
        return Err(source.field(
            address.span(),
            "runtime.tcp",
            format!("{:?}", address.get_ref()),
            "an IP address and a port, e.g. \"127.0.0.1:7700\" or \"[::1]:7700\"",
        ));
    };
    Ok(Some(TcpConfig {
        address: parsed,
        token: raw.tcp_token.as_ref().map(|token| token.get_ref().clone()),
        tls: tls(source, raw, parsed, database)?,
    }))
}

fn tls(
    source: &Source<'_>,
    raw: &RawRuntime,
    address: SocketAddr,
    database: &Path,
) -> Result<Option<CertificateFiles>, ConfigError> {
    let files = match (&raw.tcp_certificate, &raw.tcp_key) {
        (Some(certificate), Some(key)) => CertificateFiles {
            certificate: certificate.get_ref().clone(),
            key: key.get_ref().clone(),
        },
        (None, None) => CertificateFiles::beside(database),
        (Some(alone), None) | (None, Some(alone)) => {
            return Err(source.field(
                alone.span(),
                "runtime.tcp_certificate and runtime.tcp_key",
                format!("only {:?}", alone.get_ref()),
                "both, or neither to have them made",
            ));
        }
    };
    match &raw.tcp_tls {
        Some(tls) if !*tls.get_ref() => match address.ip().is_loopback() {
            true => Ok(None),
            false => Err(source.field(
                tls.span(),
                "runtime.tcp_tls",
                format!("false at {address}"),
                "false at a loopback address alone, such as 127.0.0.1",
            )),
        },
        _ => Ok(Some(files)),
    }
}
