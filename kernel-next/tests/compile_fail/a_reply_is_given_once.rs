//! A reply is given once: it is used up by giving it.
use kernel_next::{Json, Reply};

fn twice(reply: Reply<'_>) {
    let _ = reply.raw(Json::NULL);
    let _ = reply.raw(Json::NULL);
}

fn main() {}
