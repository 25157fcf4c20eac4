//! Server-sent events.

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use futures_util::{FutureExt, stream};
use link_gateway::{Failure, Seen};
use serde_json::json;
use tokio::time::timeout;

use crate::watching::{News, Place, Watching};

/// How long nothing is sent before a comment is, so that whoever is in between keeps the connection.
const QUIET: Duration = Duration::from_secs(15);
/// What is ready goes out together, up to so many bytes.
const TOGETHER: usize = 16 * 1024;

/// A stream that ends when nothing more comes.
pub(crate) fn stream_of(watching: Watching) -> Body {
    // So that a client knows at once that it watches, and from where on.
    let begin = format!(": watching\nid: {}\n\n", watching.place());
    Body::from_stream(stream::unfold(Some((watching, begin)), |state| async {
        let (mut watching, mut text) = state?;
        if text.is_empty() {
            match timeout(QUIET, watching.next()).await {
                Ok(next) => {
                    let mut is_over = write(&mut text, next);
                    while !is_over && text.len() < TOGETHER {
                        let Some(next) = watching.next().now_or_never() else {
                            break;
                        };
                        is_over = write(&mut text, next);
                    }
                    if is_over {
                        return Some((Ok::<_, Infallible>(text), None));
                    }
                }
                Err(_) => text.push_str(":\n\n"),
            }
        }
        Some((Ok(text), Some((watching, String::new()))))
    }))
}

/// Writes an event of the stream; true for the last one.
fn write(to: &mut String, next: Result<News, Failure>) -> bool {
    let is_over = next.is_err();
    let written = match next {
        Ok(News::Seen(Seen::Event { seq, json, .. })) => {
            write!(to, "id: {}\ndata: {json}\n\n", Place::of(seq))
        }
        Ok(News::Seen(Seen::Lost(lost))) => {
            let last = Place::of(lost.from + lost.count.saturating_sub(1));
            write!(to, "event: lost\nid: {last}\ndata: {}\n\n", json!(lost))
        }
        Ok(News::Restarted) => write!(to, "event: restarted\nid: {}\ndata: null\n\n", Place::of(0)),
        Err(why) => write!(to, "event: end\ndata: {}\n\n", json!(why)),
    };
    // Writing to a string does not fail.
    is_over || written.is_err()
}
