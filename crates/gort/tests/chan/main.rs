//! Channels, on plain threads and on goroutines. Some of the ideas are those of Go's `chan_test.go`.

#[macro_use]
#[path = "../chan_world/mod.rs"]
mod chan_world;
#[path = "../support/mod.rs"]
mod support;

mod closing;
mod dropping;
mod messages;
mod programs;
mod surface;

use std::time::Duration;

const SOON: Duration = Duration::from_micros(50);
