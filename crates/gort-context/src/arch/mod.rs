//! The one table that says which switch this build uses.
//!
//! What each of these files supplies, and what it promises, is written down in [`crate::switch()`](mod@crate::switch).

#[cfg(feature = "threads")]
#[path = "threads.rs"]
mod chosen;

#[cfg(all(
    not(feature = "threads"),
    target_arch = "x86_64",
    target_os = "linux",
    target_pointer_width = "64"
))]
#[path = "x86_64_sysv.rs"]
mod chosen;

#[cfg(all(not(feature = "threads"), target_arch = "x86_64", windows))]
#[path = "x86_64_windows.rs"]
mod chosen;

#[cfg(all(not(feature = "threads"), target_arch = "aarch64", unix))]
#[path = "aarch64.rs"]
mod chosen;

#[cfg(not(any(
    feature = "threads",
    all(target_arch = "x86_64", target_os = "linux", target_pointer_width = "64"),
    all(target_arch = "x86_64", windows),
    all(target_arch = "aarch64", unix),
)))]
compile_error!("gort-context has no switch for this target yet: enable feature `threads`");

pub(crate) use chosen::*;
