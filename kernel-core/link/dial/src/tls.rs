//! TLS with a certificate that is pinned: whoever signed it does not matter, but it must be the one that is known.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// The name by which a runtime's certificate is asked for; nobody checks it.
const NAME: &str = "core-runtime";

/// The fingerprint of a certificate in DER: `sha256:` and 64 hexadecimal digits.
pub fn fingerprint(certificate: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in ring::digest::digest(&ring::digest::SHA256, certificate).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Opens TLS 1.3; returns the fingerprint of the certificate as well. `known` is for the error.
pub(crate) async fn connect(
    stream: TcpStream,
    address: &str,
    pinned: Option<&str>,
    known: &Path,
) -> io::Result<(TlsStream<TcpStream>, String)> {
    let provider = Arc::new(crypto::ring::default_provider());
    let pin = Arc::new(Pin {
        provider: provider.clone(),
        wanted: pinned.map(str::to_owned),
        seen: Mutex::new(String::new()),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(pin.clone())
        .with_no_client_auth();
    let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let seen = pin.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match (connected, pinned) {
        (Ok(stream), _) => Ok((stream, seen)),
        (Err(_), Some(pinned)) if !seen.is_empty() && seen != pinned => Err(io::Error::other(format!(
            "its certificate has changed: known is {pinned}, it shows {seen}. If the runtime was set up anew, remove \
             the line of {address} from {}; else somebody may be in between",
            known.display()
        ))),
        (Err(cause), _) => Err(io::Error::other(format!(
            "no TLS there: {cause} (a port without TLS is plain:{address})"
        ))),
    }
}

/// Takes the certificate that is wanted; the first one where none is.
#[derive(Debug)]
struct Pin {
    provider: Arc<CryptoProvider>,
    wanted: Option<String>,
    seen: Mutex<String>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = fingerprint(certificate);
        let is_wanted = self.wanted.as_ref().is_none_or(|wanted| *wanted == seen);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        match is_wanted {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::General(
                "another certificate than the known one".to_owned(),
            )),
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 alone is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
