//! What select promises, on plain threads and on goroutines: the macros, and `Select` where the arms
//! are many. Some of the ideas are those of Go's `chan_test.go`.

#[macro_use]
#[path = "../chan_world/mod.rs"]
mod chan_world;
#[path = "../support/mod.rs"]
mod support;

mod closing;
mod fairness;
mod messages;
mod programs;
mod waiting;

use std::time::Duration;

const SOON: Duration = Duration::from_micros(50);
