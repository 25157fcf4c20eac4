//! The certificate that a port shows.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::TLS13;

use crate::fingerprint;

/// Why a certificate cannot be used.
#[derive(Debug)]
pub struct CertificateError {
    /// The file that is wrong.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for CertificateError {}

/// TLS 1.3 with the certificate and the key in these PEM files, and the certificate's fingerprint.
///
/// # Errors
/// Which file is wrong, and why.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<(TlsAcceptor, String), CertificateError> {
    let refused = |path: &Path, why: &dyn fmt::Display| CertificateError {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| refused(certificate, &error))?;
    let Some(first) = chain.first() else {
        return Err(refused(certificate, &"it holds no certificate in PEM"));
    };
    let seen = fingerprint(first);
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, secret))
        .map_err(|error| refused(certificate, &error))?;
    Ok((TlsAcceptor::from(Arc::new(config)), seen))
}
