//! Connections: who may have one, and what is served on it.

use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use kernel_core::Context;
use link_gateway::{Door, Feeds, Pool};
use plugin_kit::prelude::log;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::patient::Patient;
use crate::rates::{Place, Places, Rates};
use crate::routes;
use crate::settings::{HttpSettings, Limits};
use crate::shared::{Peer, Shared};

/// Who the gateway is, for people.
const NAME: &str = concat!("http ", env!("CARGO_PKG_VERSION"));
/// Sessions for requests; those that watch come on top.
const SESSIONS: usize = 24;
/// How often sessions are looked at that nobody uses.
const TIDY: Duration = Duration::from_secs(15);
/// How long accepting rests after the system refused it, for want of file descriptors mostly.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The longest head of a request, in bytes and in lines.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 64;

/// Serves until it is stopped.
pub(crate) async fn serve(
    listener: StdTcpListener,
    tls: Option<TlsAcceptor>,
    settings: HttpSettings,
    door: Door,
    cx: Context,
    stopped: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(cause) => return log::error!("not served: {cause}"),
    };
    let pool = Pool::new(door, NAME, SESSIONS);
    let limits = settings.limits;
    let shared = Arc::new(Shared {
        cx,
        feeds: Feeds::new(pool.clone()),
        mcp: gateway_mcp::service(pool.clone(), limits.body_bytes),
        pool: pool.clone(),
        origins: settings.origins,
        limits,
        by_key: Rates::new(limits.key_per_second),
        by_address: Rates::new(limits.address_per_second),
    });
    let router = routes::router(shared);
    let places = Places::default();
    let mut connections = JoinSet::new();
    let mut tidy = interval(TIDY);
    let mut stopped = stopped;
    loop {
        let (stream, peer) = tokio::select! {
            // Also when whoever could stop it is no more.
            _ = &mut stopped => return,
            _ = tidy.tick() => {
                pool.tidy();
                continue;
            }
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(cause) => {
                    log::warn!("a client could not be accepted: {cause}");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let place = places.take(peer.ip(), limits.connections, limits.connections_per_address);
        let Some(place) = place else {
            turn_away(&stream, tls.is_some());
            continue;
        };
        let (router, tls) = (router.clone(), tls.clone());
        connections.spawn(async move {
            connected(stream, (peer, Arc::new(place)), tls, router, limits).await;
        });
    }
}

/// Says that there is no room, where that can be said at once.
fn turn_away(stream: &TcpStream, has_tls: bool) {
    const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 66\r\n\r\n\
        {\"code\":\"too_many_clients\",\"message\":\"all connections are in use\"}\n";
    if !has_tls {
        // A fresh connection has room for so little, or the client has gone.
        let _ = stream.try_write(FULL);
    }
}

async fn connected(
    stream: TcpStream,
    client: (SocketAddr, Arc<Place>),
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
) {
    // Requests are small and wait for their answers.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    match tls {
        None => serve_on(stream, client, router, limits).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(limits.header_timeout, tls.accept(stream)).await {
                serve_on(stream, client, router, limits).await;
            }
        }
    }
}

async fn serve_on<S>(stream: S, (peer, place): (SocketAddr, Arc<Place>), router: Router, limits: Limits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        // A WebSocket keeps it, when nothing else of the request is left.
        request.extensions_mut().insert(place.clone());
        router.clone().call(request)
    });
    let stream = TokioIo::new(Patient::new(stream, limits.write_timeout));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    // What goes wrong is the client's: it has been answered, or has gone.
    let _ = http.serve_connection(stream, service).with_upgrades().await;
}
