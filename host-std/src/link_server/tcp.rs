//! The TCP port of the link: with TLS, for clients that show a key.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::time::Duration;

use embedded_io_adapters::tokio_1::FromTokio;
use kernel_link::Refusal;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info};

use super::peers::{self, Peers, Place};
use super::{ALL_TAKEN, HANDSHAKE_MS, Manager, serve_connection, serve_socket, turn_away};
use crate::access::{Client, Entrance, Reads};
use crate::config::TcpConfig;
use crate::unix_socket::SocketError;

/// A port that is bound.
pub(super) struct Port {
    listener: StdTcpListener,
    entrance: Entrance,
    tls: Option<TlsAcceptor>,
}

/// A port that is listened at.
pub(super) struct Listening {
    listener: TcpListener,
    entrance: Entrance,
    tls: Option<TlsAcceptor>,
    peers: Peers,
}

/// A client that has connected.
pub(super) struct Caller {
    stream: TcpStream,
    peer: SocketAddr,
    /// `None` when its host has as many sessions as it may.
    place: Option<Place>,
    entrance: Entrance,
    tls: Option<TlsAcceptor>,
}

/// Binds the port of the configuration, and makes its certificate where there is none.
///
/// # Errors
/// When the port cannot be bound, or the certificate not be used.
pub(super) fn bind(config: &TcpConfig) -> Result<Port, SocketError> {
    let tls = match &config.tls {
        Some(files) => {
            files.make_if_missing()?;
            Some(files.acceptor()?)
        }
        None => None,
    };
    let refused = |cause| SocketError::Tcp {
        address: config.address,
        cause,
    };
    let listener = StdTcpListener::bind(config.address).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    // With port 0 the system has chosen one.
    let address = listener.local_addr().unwrap_or(config.address);
    match &tls {
        Some((_, fingerprint)) => info!(%address, %fingerprint, "the link listens at a TCP port as well"),
        None => info!(%address, "the link listens at a TCP port as well, without TLS"),
    }
    Ok(Port {
        listener,
        entrance: Entrance::Keys(config.token.as_deref().map(Arc::from)),
        tls: tls.map(|(acceptor, _)| acceptor),
    })
}

impl Port {
    pub(super) fn listen(self) -> io::Result<Listening> {
        Ok(Listening {
            listener: TcpListener::from_std(self.listener)?,
            entrance: self.entrance,
            tls: self.tls,
            peers: Peers::default(),
        })
    }
}

impl Listening {
    pub(super) async fn accept(&self) -> io::Result<Caller> {
        let (stream, peer) = self.listener.accept().await?;
        // Requests are small and wait for their answers.
        stream.set_nodelay(true)?;
        Ok(Caller {
            stream,
            peer,
            place: self.peers.take(peer.ip()),
            entrance: self.entrance.clone(),
            tls: self.tls.clone(),
        })
    }
}

impl Caller {
    /// Serves the client until it goes; one for whom there is no room is turned away.
    pub(super) async fn serve(self, manager: Manager, call_bytes: usize, reads: Reads, room: bool) {
        let refusal = match (&self.place, room) {
            (None, _) => Some(Refusal::OneHost(peers::MOST)),
            (_, false) => Some(ALL_TAKEN),
            _ => None,
        };
        let client = Client::new(manager.runtime, reads, self.entrance, self.peer.ip().to_string());
        let Some(tls) = self.tls else {
            return match refusal {
                Some(why) => turn_away(self.stream, why).await,
                None => serve_socket(manager, call_bytes, self.stream.into_std(), client).await,
            };
        };
        let patience = Duration::from_millis(HANDSHAKE_MS.into());
        let stream = match tokio::time::timeout(patience, tls.accept(self.stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(cause)) => return debug!("no TLS with {}: {cause}", self.peer),
            Err(_) => return debug!("no TLS with {} in time", self.peer),
        };
        if let Some(why) = refusal {
            return turn_away(stream, why).await;
        }
        let (read, write) = tokio::io::split(stream);
        let halves = (FromTokio::new(read), FromTokio::new(write));
        serve_connection(manager, call_bytes, halves, client, HANDSHAKE_MS).await;
    }
}
