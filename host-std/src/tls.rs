//! The certificate of the TCP port: the user's own, or one that is made on demand and kept beside the database.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tokio_rustls::TlsAcceptor;

use crate::unix_socket::SocketError;

/// The name in a certificate that is made here; clients pin the certificate and do not look at it.
const NAME: &str = "core-runtime";

/// Where a certificate and its key are, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl CertificateFiles {
    /// Those that are made on demand, for the runtime with this database.
    pub(crate) fn beside(database: &Path) -> Self {
        let folder = database.with_file_name("tls");
        CertificateFiles {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        }
    }

    /// Makes both where there is neither.
    pub(crate) fn make_if_missing(&self) -> Result<(), SocketError> {
        if self.certificate.exists() || self.key.exists() {
            return Ok(());
        }
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()])
            .map_err(|error| refused(&self.certificate, &error.to_string()))?;
        if let Some(folder) = self.key.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|cause| refused(folder, &cause.to_string()))?;
        }
        // The key first: a certificate without one would be taken for the user's mistake.
        write_new(&self.key, &made.signing_key.serialize_pem())?;
        write_new(&self.certificate, &made.cert.pem())
    }

    /// TLS with this certificate; returns its fingerprint as well.
    pub(crate) fn acceptor(&self) -> Result<(TlsAcceptor, String), SocketError> {
        link_dial::acceptor(&self.certificate, &self.key).map_err(|refused| SocketError::Certificate {
            path: refused.path,
            why: refused.why,
        })
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), SocketError> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|cause| {
        // Half a file would be in the way of the next start.
        let _ = fs::remove_file(path);
        refused(path, &cause.to_string())
    })
}

fn refused(path: &Path, why: &str) -> SocketError {
    SocketError::Certificate {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_then_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles::beside(&folder.path().join("runtime.db"));
        files.make_if_missing().unwrap();
        let (_, first) = files.acceptor().unwrap();
        files.make_if_missing().unwrap();
        assert_eq!(files.acceptor().unwrap().1, first);
        fs::remove_file(&files.key).unwrap();
        files.make_if_missing().unwrap();
        let error = files.acceptor().err().unwrap().to_string();
        assert!(error.contains("key.pem"), "{error}");
    }
}
