//! What a gateway is made of: a plugin that lets clients of another protocol (HTTP, MCP) at the runtime.
//!
//! A gateway has no rights of its own. It is a client of the link: what each of its clients asks for goes over a session
//! that was opened with this client's key, and the runtime allows or refuses it where it does so for everybody else.
//!
//! ```text
//!   door.rs      the way to the link of the runtime in the same process, without a socket
//!   session.rs   one session, used by many tasks at a time ── line.rs, what carries it; requests.rs
//!   answer.rs    what the runtime answers ── shapes.rs, its lists as JSON; failure.rs
//!   pool.rs      sessions by key, a bounded number, idle ones closed
//!   feeds.rs     events: one watch for all clients with the same key and filter ── feed.rs, ring.rs
//! ```
//!
//! Nothing here waits for a client: an answer goes to whoever asked, events are kept in a ring of bounded size, and who is
//! too slow loses the oldest and is told exactly which.

mod answer;
mod door;
mod failure;
mod feed;
mod feeds;
mod line;
mod pool;
mod requests;
mod ring;
mod session;
mod shapes;

pub use answer::Answer;
pub use door::{Door, Gateway, Visitor, Visitors};
pub use failure::Failure;
pub use feeds::{Feeds, Subscription};
pub use pool::{Pool, Who};
pub use ring::{Lost, LostWhere, Seen};
pub use session::{Session, Watch};
pub use shapes::StateEntry;
