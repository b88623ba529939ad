//! The one table that says which switch this build uses.
//!
//! What each of these files supplies, and what it promises, is written down in [`crate::switch()`](mod@crate::switch).
//! Threads are there for whoever asks for them; where there is nothing else they are compiled too, so that the
//! message below is the only one.

#[cfg(all(
    not(feature = "threads"),
    target_arch = "x86_64",
    target_pointer_width = "64",
    any(target_os = "linux", target_os = "macos")
))]
#[path = "x86_64_sysv.rs"]
mod chosen;

#[cfg(all(not(feature = "threads"), target_arch = "x86_64", windows))]
#[path = "x86_64_windows.rs"]
mod chosen;

#[cfg(all(
    not(feature = "threads"),
    target_arch = "aarch64",
    target_pointer_width = "64",
    any(target_os = "linux", target_os = "macos")
))]
#[path = "aarch64.rs"]
mod chosen;

#[cfg(any(
    feature = "threads",
    not(any(
        all(
            any(target_arch = "x86_64", target_arch = "aarch64"),
            target_pointer_width = "64",
            any(target_os = "linux", target_os = "macos")
        ),
        all(target_arch = "x86_64", windows),
    ))
))]
#[path = "threads.rs"]
mod chosen;

#[cfg(not(any(
    feature = "threads",
    all(
        any(target_arch = "x86_64", target_arch = "aarch64"),
        target_pointer_width = "64",
        any(target_os = "linux", target_os = "macos")
    ),
    all(target_arch = "x86_64", windows),
)))]
compile_error!(
    "gort-context has no switch for this target: enable feature `threads`, which needs none"
);

pub(crate) use chosen::*;
