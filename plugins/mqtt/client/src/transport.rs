//! The way to the broker: TCP, with TLS or without.

use std::path::Path;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::options::Address;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Opens it.
pub(crate) async fn open(address: &Address, ca: Option<&Path>) -> Result<Box<dyn Stream>, String> {
    let shown = format!("{}:{}", address.host, address.port);
    let failed = |error: std::io::Error| format!("{shown} cannot be reached: {error}");
    let stream = TcpStream::connect((address.host.as_str(), address.port))
        .await
        .map_err(failed)?;
    // Packets are small, and each is waited for.
    stream.set_nodelay(true).map_err(failed)?;
    if !address.tls {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(address.host.clone())
        .map_err(|error| format!("{} is no name of a server: {error}", address.host))?;
    let stream = TlsConnector::from(config(ca)?)
        .connect(name, stream)
        .await
        .map_err(|error| format!("TLS with {shown}: {error}"))?;
    Ok(Box::new(stream))
}

fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let refused = |why: String| format!("ca_file is {}: {why}", path.display());
            let certificates =
                CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| refused(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| refused(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(refused("it holds no certificate in PEM".to_owned()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err("this system has no certificates to trust; set ca_file".to_owned());
            }
        }
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|config| Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
        .map_err(|error| error.to_string())
}
