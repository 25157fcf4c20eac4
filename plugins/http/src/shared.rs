//! What all requests share.

use std::net::IpAddr;
use std::sync::Arc;

use kernel_core::Context;
use link_gateway::{Feeds, Pool};

use crate::rates::Rates;
use crate::settings::Limits;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) cx: Context,
    pub(crate) pool: Arc<Pool>,
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) mcp: gateway_mcp::HttpService,
    pub(crate) origins: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) by_key: Rates<String>,
    pub(crate) by_address: Rates<IpAddr>,
}

/// From where a request came.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);
