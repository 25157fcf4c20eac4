//! The `core-runtime` program as its users meet it: processes, sockets, exit statuses.

mod backup;
mod commands;
mod doctor;
mod lists;
mod process;
mod refusals;
mod serial;
mod service;
mod silence;
mod support;
mod transports;
mod watch;
