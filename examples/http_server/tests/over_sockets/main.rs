//! Starts `http_server` and talks to it over plain sockets, as clients good and bad do.

mod bodies;
mod client;
mod files;
mod limits;
mod protocol;
mod server;
mod stopping;
mod tls;
