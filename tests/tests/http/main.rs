//! The HTTP gateway through the real program: what each key may, what each route does, and what is refused.

mod home;
mod hostile;
mod mcp;
mod routes;
mod scopes;
mod settings;
mod validators;
mod websocket;
