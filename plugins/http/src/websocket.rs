//! Calls, publishing and watching over a WebSocket: one JSON object a message. `docs/http.md` has them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use link_gateway::{Failure, Seen, Session};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::caller::{self, Caller};
use crate::calls::LONGEST;
use crate::events::publish_on;
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::watching::{News, Place, watch};

/// What a client may have in hand at a time.
const IN_HAND: usize = 32;
/// Answers and events that wait to be sent.
const WAITING: usize = 64;
/// How often it is asked whether the client is there, which is taken for gone when it says nothing for two of these.
const PING: Duration = Duration::from_secs(20);
/// Bytes of a message beside the arguments.
const HEAD: usize = 1024;

/// What RFC 6455 makes of a client's key.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// `GET /api/ws`
pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Problem> {
    Params::of(request.uri().query(), &[])?;
    let (mut parts, _) = request.into_parts();
    let accept = accept(&parts.headers)?;
    let caller = match caller::bearer(&parts.headers)? {
        Some(key) => {
            let key = key.to_owned();
            let caller = caller::caller(&parts, &shared, &key)?;
            // A key that is not good is refused before there is a WebSocket.
            caller.session(&shared).await?;
            Some(caller)
        }
        None => None,
    };
    let Some(upgraded) = parts.extensions.remove::<hyper::upgrade::OnUpgrade>() else {
        return Err(Problem::invalid("this connection cannot become a WebSocket"));
    };
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            let most = shared.limits.body_bytes + HEAD;
            let config = WebSocketConfig::default()
                .max_message_size(Some(most))
                .max_frame_size(Some(most));
            let stream = TokioIo::new(upgraded);
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
            serve(socket, &shared, caller, &parts).await;
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// The answer to a client's opening, RFC 6455 4.2.
fn accept(headers: &HeaderMap) -> Result<HeaderValue, Problem> {
    let has = |name: HeaderName, word: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|one| one.trim().eq_ignore_ascii_case(word))
    };
    let version = headers
        .get("sec-websocket-version")
        .is_some_and(|version| version == "13");
    match headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if has(CONNECTION, "upgrade") && has(UPGRADE, "websocket") && version => {
            let mut digest = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
            digest.update(key.as_bytes());
            digest.update(MAGIC);
            HeaderValue::try_from(STANDARD.encode(digest.finish()))
                .map_err(|_| Problem::invalid("no answer can be made to this key"))
        }
        _ => Err(Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "a WebSocket is opened here: Upgrade: websocket, Sec-WebSocket-Version: 13",
        )),
    }
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default)]
    id: Value,
    key: Option<String>,
    call: Option<String>,
    args: Option<Box<RawValue>>,
    timeout_ms: Option<u64>,
    publish: Option<String>,
    payload: Option<Box<RawValue>>,
    watch: Option<String>,
    since: Option<String>,
    cancel: Option<Value>,
}

#[derive(Serialize)]
struct Answered<'a> {
    id: &'a Value,
    result: &'a RawValue,
}

async fn serve(
    mut socket: Socket,
    shared: &Arc<Shared>,
    caller: Option<Caller>,
    parts: &axum::http::request::Parts,
) {
    let caller = match caller {
        Some(caller) => caller,
        None => match timeout(
            shared.limits.header_timeout,
            introduced(&mut socket, shared, parts),
        )
        .await
        {
            Ok(Ok(caller)) => caller,
            Ok(Err(problem)) => {
                let text = json!({ "error": problem.json() }).to_string();
                let _ = timeout(shared.limits.write_timeout, socket.send(Message::text(text))).await;
                return drop(socket.close(None).await);
            }
            Err(_) => return,
        },
    };
    let (say, mut said) = mpsc::channel::<String>(WAITING);
    let mut client = Client {
        shared: shared.clone(),
        caller: Arc::new(caller),
        say,
        tasks: JoinSet::new(),
        in_hand: HashMap::new(),
    };
    let (mut sink, mut messages) = socket.split();
    let (ping, mut pings) = mpsc::channel::<()>(1);
    let sending = async {
        loop {
            let message = tokio::select! {
                said = said.recv() => match said {
                    Some(text) => Message::text(text),
                    None => return,
                },
                Some(()) = pings.recv() => Message::Ping(Default::default()),
            };
            if sink.send(message).await.is_err() {
                return;
            }
        }
    };
    let receiving = async {
        let mut heard = Instant::now();
        let mut next_ping = heard + PING;
        loop {
            tokio::select! {
                message = messages.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => client.hear(text).await,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        _ => return,
                    }
                }
                () = sleep_until(next_ping) => {
                    if heard.elapsed() >= 2 * PING {
                        return;
                    }
                    next_ping = Instant::now() + PING;
                    // One that was not sent yet will do.
                    let _ = ping.try_send(());
                }
                Some(_) = client.tasks.join_next() => {}
            }
        }
    };
    tokio::select! {
        () = sending => {}
        () = receiving => {}
    }
}

/// The key of a client that shows none in its request, as browsers cannot: its first message.
async fn introduced(
    socket: &mut Socket,
    shared: &Arc<Shared>,
    parts: &axum::http::request::Parts,
) -> Result<Caller, Problem> {
    let wanted =
        || Problem::invalid("the first message is {\"key\": KEY}, where the request has no Authorization");
    match socket.next().await {
        Some(Ok(Message::Text(text))) => {
            let said: Said = serde_json::from_str(&text).map_err(|_| wanted())?;
            let caller = caller::caller(parts, shared, &said.key.ok_or_else(wanted)?)?;
            caller.session(shared).await?;
            let text = json!({ "id": said.id, "result": null }).to_string();
            socket.send(Message::text(text)).await.map_err(|_| wanted())?;
            Ok(caller)
        }
        _ => Err(wanted()),
    }
}

/// What is going on for a client.
struct Client {
    shared: Arc<Shared>,
    caller: Arc<Caller>,
    say: mpsc::Sender<String>,
    tasks: JoinSet<()>,
    in_hand: HashMap<String, AbortHandle>,
}

impl Client {
    async fn hear(&mut self, text: Utf8Bytes) {
        let said: Said = match serde_json::from_str(&text) {
            Ok(said) => said,
            Err(wrong) => {
                let problem = Problem::invalid(format!("no message: {wrong}"));
                return self.answer(&Value::Null, problem).await;
            }
        };
        let id = said.id.clone();
        if let Err(problem) = self.begin(said) {
            self.answer(&id, problem).await;
        }
    }

    async fn answer(&self, id: &Value, problem: Problem) {
        // A client that reads nothing is hung up on by the stream.
        let _ = self.say.send(failed(id, &problem)).await;
    }

    fn begin(&mut self, said: Said) -> Result<(), Problem> {
        self.in_hand.retain(|_, task| !task.is_finished());
        let id = said.id.clone();
        if !matches!(id, Value::String(_) | Value::Number(_)) || id.to_string().len() > 64 {
            return Err(Problem::invalid("id is a number or a text of at most 64 bytes"));
        }
        if let Some(other) = &said.cancel {
            if let Some(task) = self.in_hand.remove(&other.to_string()) {
                task.abort();
            }
            let say = self.say.clone();
            self.tasks.spawn(async move {
                let _ = say.send(json!({ "id": id, "result": null }).to_string()).await;
            });
            return Ok(());
        }
        if self.in_hand.contains_key(&id.to_string()) {
            return Err(Problem::invalid("this id is in hand"));
        }
        if self.tasks.len() >= IN_HAND {
            return Err(Problem::too_many(format!(
                "{IN_HAND} are in hand, as many as may be"
            )));
        }
        if !self.shared.by_key.take(self.caller.0.key.clone()) {
            let most = self.shared.limits.key_per_second;
            return Err(Problem::too_many(format!(
                "{most} requests a second may be made with a key"
            )));
        }
        let (shared, caller, say) = (self.shared.clone(), self.caller.clone(), self.say.clone());
        let name = id.to_string();
        let task = self.tasks.spawn(async move {
            if let Err(problem) = carry_out(&shared, &caller, &said, &say).await {
                let _ = say.send(failed(&id, &problem)).await;
            }
        });
        self.in_hand.insert(name, task);
        Ok(())
    }
}

fn failed(id: &Value, problem: &Problem) -> String {
    json!({ "id": id, "error": problem.json() }).to_string()
}

/// Does what a message says, and says what came of it.
async fn carry_out(
    shared: &Shared,
    caller: &Caller,
    said: &Said,
    say: &mpsc::Sender<String>,
) -> Result<(), Problem> {
    let session = caller.session(shared).await?;
    let raw = |raw: &Option<Box<RawValue>>| raw.as_ref().map_or("null", |raw| raw.get()).to_owned();
    let result = match (&said.call, &said.publish, &said.watch) {
        (Some(service), None, None) => {
            let timeout_ms = said.timeout_ms.unwrap_or(0);
            if timeout_ms > LONGEST {
                return Err(Problem::invalid(format!(
                    "timeout_ms is {timeout_ms}; allowed are 1 to {LONGEST}"
                )));
            }
            session
                .call(service, raw(&said.args).as_bytes(), timeout_ms as u32)
                .await?
        }
        (None, Some(topic), None) => {
            let receivers = publish_on(&session, topic, raw(&said.payload).as_bytes()).await?;
            json!({ "receivers": receivers }).to_string().into_bytes()
        }
        (None, None, Some(filter)) => return watched(shared, caller, said, filter, say, session).await,
        _ => {
            return Err(Problem::invalid(
                "a message has one of: call, publish, watch, cancel",
            ));
        }
    };
    let result: Box<RawValue> =
        serde_json::from_slice(&result).map_err(|_| Problem::from(crate::calls::unexpected()))?;
    let text = serde_json::to_string(&Answered {
        id: &said.id,
        result: &result,
    })
    .unwrap_or_default();
    // The client may have gone.
    let _ = say.send(text).await;
    Ok(())
}

/// Says what is seen, until nothing more is, or the client has gone.
async fn watched(
    shared: &Shared,
    caller: &Caller,
    said: &Said,
    filter: &str,
    say: &mpsc::Sender<String>,
    session: Session,
) -> Result<(), Problem> {
    // What it watches has a session of its own.
    drop(session);
    let place = said.since.as_deref().map(Place::from).transpose()?;
    let mut watching = watch(&shared.feeds, &caller.0, filter, place).await?;
    let id = &said.id;
    let mut text = json!({ "id": id, "result": { "from": watching.place().to_string() } }).to_string();
    while say.send(text).await.is_ok() {
        text = match watching.next().await {
            Ok(News::Seen(Seen::Event { seq, json, .. })) => {
                let place = Place::of(seq);
                format!(r#"{{"id":{id},"at":"{place}","event":{json}}}"#)
            }
            Ok(News::Seen(Seen::Lost(lost))) => json!({ "id": id, "lost": lost }).to_string(),
            Ok(News::Restarted) => json!({ "id": id, "restarted": true }).to_string(),
            Err(why) => return Err(ended(why)),
        };
    }
    Ok(())
}

fn ended(why: Failure) -> Problem {
    why.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_an_opening_is_that_of_the_rfc() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        assert_eq!(accept(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        headers.insert("sec-websocket-version", HeaderValue::from_static("8"));
        assert!(accept(&headers).is_err());
    }
}
