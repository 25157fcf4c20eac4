//! Who asks: the key in the request's head.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use link_gateway::{Session, Who};

use crate::problem::Problem;
use crate::shared::{Peer, Shared};

/// The longest key.
const MAX_KEY: usize = 256;

/// Who asks; whether the key is good, the runtime says.
pub(crate) struct Caller(pub(crate) Who);

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let key = bearer(&parts.headers)?.ok_or_else(Problem::no_key)?;
        caller(parts, shared, key)
    }
}

/// Who asks with this key, unless it asks too often.
pub(crate) fn caller(parts: &Parts, shared: &Shared, key: &str) -> Result<Caller, Problem> {
    let Some(Peer(peer)) = parts.extensions.get() else {
        return Err(Problem::no_key());
    };
    let who = who(key, *peer)?;
    match shared.by_key.take(who.key.clone()) {
        true => Ok(Caller(who)),
        false => Err(Problem::too_many(format!(
            "{} requests a second may be made with a key",
            shared.limits.key_per_second
        ))),
    }
}

/// Who shows this key.
pub(crate) fn who(key: &str, peer: std::net::IpAddr) -> Result<Who, Problem> {
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::no_key());
    }
    Ok(Who {
        key: key.to_owned(),
        peer: peer.to_canonical().to_string(),
    })
}

impl Caller {
    pub(crate) async fn session(&self, shared: &Shared) -> Result<Session, Problem> {
        Ok(shared.pool.session(&self.0).await?)
    }
}

/// The key in `Authorization: Bearer KEY`; `None` without this header.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Problem::no_key())?;
    let key = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match (key, all.next()) {
        (Some((_, key)), None) => Ok(Some(key.trim())),
        _ => Err(Problem::no_key()),
    }
}
