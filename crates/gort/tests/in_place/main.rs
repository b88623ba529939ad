//! Preemption in place: by a signal, or on Windows by a thread that suspends others.
#![cfg(all(
    not(feature = "threads"),
    any(
        all(any(target_arch = "x86_64", target_arch = "aarch64"), target_os = "linux"),
        all(target_arch = "x86_64", windows),
    )
))]

#[path = "../support/mod.rs"]
mod support;

mod asked_for;
// Where the runtime's own code is optimized; else nobody is interrupted.
#[cfg(not(debug_assertions))]
mod interrupted;
