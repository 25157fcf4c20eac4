//! HTTP: bytes at the real port of a host in this process.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use host_std::{Config, Host, block_on};
use kernel_core::{PluginState, json_literal};
use serde_json::Value;
use tempfile::TempDir;

/// What stands for the key in the bytes.
const KEY: &str = "KEY";

/// How long an answer is waited for: the bytes may be half of a request.
const PATIENCE: Duration = Duration::from_millis(200);

const SETTINGS: &str = "[plugins.http.settings]
address_per_second = 1000000
key_per_second = 1000000
header_timeout_s = 2
body_timeout_s = 2
connections_per_address = 512
";

/// A host whose plugin `http` listens.
struct Home {
    host: Host,
    address: SocketAddr,
    bearer: String,
    _folder: TempDir,
}

thread_local! {
    /// It ends with the thread.
    static HOME: OnceCell<Home> = const { OnceCell::new() };
}

impl Home {
    fn start() -> Result<Home, String> {
        let folder = tempfile::tempdir().map_err(|cause| cause.to_string())?;
        // Of this process alone, and where no connection of others has a port.
        let last = (std::process::id() % 250) as u8 + 2;
        let address = SocketAddr::from(([127, 3, 7, last], 8090));
        let file = folder.path().join("runtime.toml");
        std::fs::write(&file, format!("{SETTINGS}listen = \"{address}\"\n"))
            .map_err(|cause| cause.to_string())?;
        let database: OsString = folder.path().join("runtime.db").into();
        let vars = |name: &str| match name {
            "RUNTIME_DB_PATH" => Some(database.clone()),
            "RUNTIME_CONFIG" => Some(file.clone().into()),
            _ => None,
        };
        let config = Config::from_vars(vars).map_err(|cause| cause.to_string())?;
        let host = Host::builder().built_in().start(config);
        let host = host.map_err(|cause| cause.to_string())?;
        let mut buf = [0; 1024];
        let made = block_on(
            host.runtime()
                .services()
                .call("auth.init", json_literal!("{}"), &mut buf),
        );
        let made = made.map_err(|cause| cause.to_string())?;
        let made: Value = serde_json::from_slice(made.as_bytes()).map_err(|cause| cause.to_string())?;
        let key = made["key"].as_str().ok_or("auth.init gave no key")?;
        Ok(Home {
            bearer: format!("authorization: Bearer {key}"),
            host,
            address,
            _folder: folder,
        })
    }

    /// A connection from an address that is seldom used: one that shows too many wrong keys is not heard for a while.
    fn connect(&self) -> std::io::Result<TcpStream> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let [_, _, low, lowest] = (NEXT.fetch_add(1, Ordering::Relaxed) / 5).to_be_bytes();
        let from = SocketAddr::from(([127, 4 + low % 64, lowest, 2], 0));
        let reactor = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let stream = reactor.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(from)?;
            socket.connect(self.address).await?.into_std()
        })?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    fn ask(&self, data: &[u8]) {
        let mut stream = self
            .connect()
            .unwrap_or_else(|cause| panic!("nobody listens: {cause}"));
        let mut bytes = Vec::with_capacity(data.len() + self.bearer.len());
        match data.windows(KEY.len()).position(|part| part == KEY.as_bytes()) {
            Some(at) => {
                bytes.extend_from_slice(&data[..at]);
                bytes.extend_from_slice(self.bearer.as_bytes());
                bytes.extend_from_slice(&data[at + KEY.len()..]);
            }
            None => bytes.extend_from_slice(data),
        }
        // It may have been hung up on already.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = [0; 4096];
        if let Ok(len @ 1..) = stream.read(&mut answer) {
            let text = String::from_utf8_lossy(&answer[..len]);
            let is_fine = text.starts_with("HTTP/1.") && !text.starts_with("HTTP/1.1 500");
            assert!(is_fine, "{:?}: {text}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(
            self.host.runtime().plugins().state("http"),
            Some(PluginState::Started)
        );
    }
}

/// What comes on a connection is answered as HTTP or hung up on, never by an error of the runtime's own, and the plugin
/// goes on.
///
/// # Panics
/// When it is not so.
pub fn http(data: &[u8]) {
    HOME.with(|home| {
        let home = home.get_or_init(|| Home::start().unwrap_or_else(|why| panic!("no host: {why}")));
        home.ask(data);
    });
}

/// Requests of every kind, as they should be.
pub fn http_corpus() -> Vec<Vec<u8>> {
    [
        "POST /api/call/example.hello?timeout_ms=1000 HTTP/1.1\r\nhost: a\r\nKEY\r\ncontent-length: 5\r\n\r\n\"Ann\"",
        "POST /api/call/example.hello HTTP/1.1\r\nhost: a\r\nKEY\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\"Ann\"\r\n0\r\n\r\n",
        "GET /api/events?filter=test.%3E&since=1 HTTP/1.1\r\nhost: a\r\nKEY\r\nlast-event-id: 0a0b0c0d.7\r\n\r\n",
        "PUT /api/state/test.a?ttl_ms=5 HTTP/1.1\r\nhost: a\r\nKEY\r\nif-match: \"7\"\r\ncontent-length: 1\r\n\r\n1",
        "GET /api/state?prefix=a&limit=3&after=1 HTTP/1.1\r\nhost: a\r\nKEY\r\n\r\nGET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /api/storage/notes/a%2Fb HTTP/1.1\r\nhost: a\r\nKEY\r\norigin: https://a\r\n\r\n",
        "GET /api/ws HTTP/1.1\r\nhost: a\r\nKEY\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: eA==\r\n\r\n\x01\x05{\"id\"",
        "POST /mcp HTTP/1.1\r\nhost: a\r\nKEY\r\naccept: application/json, text/event-stream\r\ncontent-type: application/json\r\n\
         content-length: 46\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}
