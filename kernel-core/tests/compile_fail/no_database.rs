//! The way to a database is the storage; there is no other in what a plugin depends on.
use kernel_core::rusqlite::Connection;
use kernel_core::storage::sqlite;

fn main() {}
