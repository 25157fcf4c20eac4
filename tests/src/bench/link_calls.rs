//! A call over the Unix socket, beside a server that only sends a postcard message back.
//!
//! Ours passes three threads: the link's, the plugin's and the client's. A peer's server answers where it
//! reads. One blocks on its socket, the other has tokio's reactor, as the link has. The clients block.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use kernel_link::{Raw, Reply, Request, ToClient};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::call::{ARGUMENT, LIMIT, SERVICE, answered};
use super::harness::{Contender, Settings, compare};
use super::hosted::Hosted;
use super::pinned;
use super::report::Row;
use crate::client;
use host_std::block_on;

/// What the peers' messages are: what a call needs.
#[derive(Serialize, Deserialize)]
struct Message<'a> {
    id: u32,
    service: &'a str,
    body: &'a [u8],
}

/// The most a peer's message has.
const MOST: usize = 256;

/// The comparison.
///
/// # Errors
/// When a call was not answered.
pub(super) fn run(settings: &Settings) -> Result<Vec<Row>, String> {
    let name = "call over the Unix socket";
    pinned::both(&settings.finer(), name, (0.55, None), |settings, name, goal| {
        let hosted = Hosted::start()?;
        let mut memory = client::memory();
        let contenders = vec![
            ours(&hosted, &mut memory)?,
            echo("postcard echo, blocking", serve_blocking)?,
            echo("postcard echo on tokio", serve_on_tokio)?,
        ];
        compare(settings, name, contenders, goal)
    })
}

fn ours<'a>(hosted: &Hosted, memory: &'a mut [u8]) -> Result<Contender<'a>, String> {
    let mut client = client::connect(hosted.socket(), memory, None)?;
    let timeout_ms = u32::try_from(LIMIT.as_millis()).unwrap_or(u32::MAX);
    let (service, args) = (SERVICE, Raw::json(ARGUMENT));
    let what = Request::Call {
        service,
        args,
        timeout_ms,
        parent: None,
    };
    Ok(Contender::new("ours", move |count| {
        block_on(async {
            let begun = Instant::now();
            for id in (0..count).map(|index| index as u32) {
                client
                    .request(id, what)
                    .await
                    .map_err(|cause| cause.to_string())?;
                match client.next().await.map_err(|cause| cause.to_string())? {
                    ToClient::Reply {
                        id: of,
                        what: Reply::Json(json),
                    } if of == id => answered(Ok(json.0.len()))?,
                    other => return Err(format!("not the reply: {other:?}")),
                }
            }
            Ok(begun.elapsed())
        })
    }))
}

fn echo(name: &'static str, serve: fn(UnixStream) -> io::Result<()>) -> Result<Contender<'static>, String> {
    let (mut stream, server) = UnixStream::pair().map_err(|cause| format!("no socket: {cause}"))?;
    let serving = move || {
        // The client hangs up when it is done.
        if let Err(cause) = serve(server)
            && cause.kind() != io::ErrorKind::UnexpectedEof
        {
            eprintln!("bench: {name}: {cause}");
        }
    };
    let spawned = thread::Builder::new().name("echo".to_owned()).spawn(serving);
    spawned.map_err(|cause| format!("no thread for the server: {cause}"))?;
    Ok(Contender::new(name, move |count| {
        exchange(&mut stream, count).map_err(|cause| cause.to_string())?
    }))
}

/// The peers' client; the inner error is an answer that makes no sense.
fn exchange(stream: &mut UnixStream, count: u64) -> io::Result<Result<Duration, String>> {
    let (mut out, mut buf) = ([0; MOST], [0; MOST]);
    let begun = Instant::now();
    for id in (0..count).map(|index| index as u32) {
        let (service, body) = (SERVICE, ARGUMENT.as_bytes());
        stream.write_all(framed(&Message { id, service, body }, &mut out)?)?;
        let mut head = [0; 4];
        stream.read_exact(&mut head)?;
        let body = body_of(head, &mut buf)?;
        stream.read_exact(body)?;
        let reply: Message<'_> = postcard::from_bytes(body).map_err(io::Error::other)?;
        if reply.id != id {
            return Ok(Err(format!("the reply to {} came for {id}", reply.id)));
        }
        if let Err(why) = answered(Ok(reply.body.len())) {
            return Ok(Err(why));
        }
    }
    Ok(Ok(begun.elapsed()))
}

/// A message behind its length, in one piece.
fn framed<'b>(message: &Message<'_>, to: &'b mut [u8; MOST]) -> io::Result<&'b [u8]> {
    let (head, body) = to.split_at_mut(4);
    let len = postcard::to_slice(message, body).map_err(io::Error::other)?.len();
    head.copy_from_slice(&u32::try_from(len).map_err(io::Error::other)?.to_le_bytes());
    Ok(to.get(..4 + len).unwrap_or(&[]))
}

/// Room for the message that this length announces.
fn body_of(head: [u8; 4], buf: &mut [u8; MOST]) -> io::Result<&mut [u8]> {
    let len = u32::from_le_bytes(head) as usize;
    buf.get_mut(..len)
        .ok_or_else(|| io::Error::other(format!("a message of {len} bytes")))
}

/// The answer to a message: its body, under its number.
fn answer<'b>(body: &[u8], to: &'b mut [u8; MOST]) -> io::Result<&'b [u8]> {
    let asked: Message<'_> = postcard::from_bytes(body).map_err(io::Error::other)?;
    framed(&Message { service: "", ..asked }, to)
}

fn serve_blocking(mut stream: UnixStream) -> io::Result<()> {
    let (mut out, mut buf, mut head) = ([0; MOST], [0; MOST], [0; 4]);
    loop {
        stream.read_exact(&mut head)?;
        let body = body_of(head, &mut buf)?;
        stream.read_exact(body)?;
        stream.write_all(answer(body, &mut out)?)?;
    }
}

fn serve_on_tokio(stream: UnixStream) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        stream.set_nonblocking(true)?;
        let mut stream = tokio::net::UnixStream::from_std(stream)?;
        let (mut out, mut buf, mut head) = ([0; MOST], [0; MOST], [0; 4]);
        loop {
            stream.read_exact(&mut head).await?;
            let body = body_of(head, &mut buf)?;
            stream.read_exact(body).await?;
            stream.write_all(answer(body, &mut out)?).await?;
        }
    })
}
