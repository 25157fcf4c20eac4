//! Requests to a server: each on a connection of its own, with one deadline for all of it.

use std::cell::Cell;
use std::error::Error as StdError;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kernel_core::{Error, Json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::manifest::Url;
use crate::text::cut;

/// The largest answer, in bytes.
const MAX_ANSWER: usize = crate::session::MAX_VALUE;

/// How much of an answer that is not understood is quoted, in bytes.
const QUOTED: usize = 60;

/// Who asks.
const AGENT: &str = concat!("core-runtime/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// Whether the server may be gone: it was not reached, or did not answer.
    pub(super) is_gone: bool,
}

/// A server.
#[derive(Debug)]
pub(crate) struct Client {
    url: Url,
    limit: Duration,
    /// It did not answer when it was asked last.
    gone: Cell<bool>,
}

impl Client {
    pub(super) fn new(url: Url, limit: Duration) -> Self {
        Client {
            url,
            limit,
            gone: Cell::new(false),
        }
    }

    /// Whether the server did not answer when it was asked last.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.get()
    }

    /// Asks for `path`, with JSON to take along; the answer is JSON, `null` where there is none.
    ///
    /// # Errors
    /// `unreachable`, `timeout`; `http_error` for any status but one of success, `invalid_argument` where that says that
    /// the request is at fault; `too_large`, `not_json`.
    ///
    /// # Cancellation
    /// The connection is closed; the server may have done what it was asked for.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<String, Failure> {
        let outcome = self.request(method, path, body).await;
        let gone = outcome.as_ref().is_err_and(|failure| failure.is_gone);
        self.gone.set(gone);
        outcome
    }

    async fn request(&self, method: Method, path: &str, body: Option<String>) -> Result<String, Failure> {
        let what = format!("{method} {}{path}", self.url);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.url.authority())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|wrong| Failure::answered("invalid_argument", &what, &wrong.to_string()))?;
        let Ok(outcome) = timeout(self.limit, self.exchange(request, &what)).await else {
            let seconds = self.limit.as_secs_f64();
            let why = format!("{what}: no whole answer within {seconds} s");
            return Err(Failure::gone("timeout", &why));
        };
        let (status, content, bytes) = outcome?;
        let text = String::from_utf8_lossy(&bytes);
        if !status.is_success() {
            return Err(refused(status, &what, &text));
        }
        if bytes.is_empty() {
            return Ok("null".to_owned());
        }
        match Json::new(&bytes) {
            Ok(json) => Ok(json.as_str().to_owned()),
            Err(wrong) => {
                let quoted = cut(&text, QUOTED);
                let why = format!("answered {content} that is not JSON: {wrong}: {quoted}");
                Err(Failure::answered("not_json", &what, &why))
            }
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        what: &str,
    ) -> Result<(StatusCode, String, Bytes), Failure> {
        let unreachable = |cause: &dyn StdError| {
            let why = format!("{what}: {}", whole(cause));
            Failure::gone("unreachable", &why)
        };
        let stream = TcpStream::connect((self.url.host(), self.url.port())).await;
        let stream = stream.map_err(|cause| unreachable(&cause))?;
        // One write is all there is.
        let _ = stream.set_nodelay(true);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| unreachable(&cause))?;
        let answer = async {
            let answer = sender.send_request(request).await;
            let answer = answer.map_err(|cause| unreachable(&cause))?;
            let (status, content) = (answer.status(), content_of(&answer));
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            match body {
                Ok(body) => Ok((status, content, body.to_bytes())),
                Err(cause) if cause.is::<LengthLimitError>() => {
                    let why = format!("answered more than {MAX_ANSWER} bytes");
                    Err(Failure::answered("too_large", what, &why))
                }
                Err(cause) => Err(unreachable(&*cause)),
            }
        };
        let (mut answer, connection) = (pin!(answer), pin!(connection));
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // What it came to, the answer says.
            _ = connection => answer.await,
        }
    }
}

impl Failure {
    fn gone(code: &str, why: &str) -> Self {
        Failure {
            error: Error::new(code, why),
            is_gone: true,
        }
    }

    /// The server answers, but not as it should.
    pub(super) fn answered(code: &str, what: &str, why: &str) -> Self {
        Failure {
            error: Error::new(code, &format!("{what}: {why}")),
            is_gone: false,
        }
    }
}

/// Any answer that is no success: no redirect is followed, to wherever it may lead.
fn refused(status: StatusCode, what: &str, text: &str) -> Failure {
    let code = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => "invalid_argument",
        _ => "http_error",
    };
    let text = cut(text, QUOTED).trim();
    let (colon, hint) = match status.is_redirection() {
        _ if !text.is_empty() => (": ", text),
        true => (": ", "redirects are not followed"),
        false => ("", ""),
    };
    Failure::answered(code, what, &format!("answered {status}{colon}{hint}"))
}

fn content_of(answer: &Response<Incoming>) -> String {
    let content = answer.headers().get(CONTENT_TYPE);
    let content = content.and_then(|content| content.to_str().ok());
    cut(content.unwrap_or("something"), QUOTED).to_owned()
}

/// An error with its causes.
fn whole(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
