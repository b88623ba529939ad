//! Drives the `redis_server` example over plain sockets.

mod commands;
mod harness;
mod hostile;
mod protocol;
mod pubsub;
mod stopping;
mod waiting;
