//! The way to a database is the storage; there is no other in what a plugin depends on.
use kernel_next::rusqlite::Connection;
use kernel_next::storage::sqlite;

fn main() {}
