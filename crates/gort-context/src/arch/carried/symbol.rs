//! The name of the carried word. It bears the version: two versions of this crate in one program have a word each.

macro_rules! symbol {
    () => {
        concat!(
            "gort_context_carried_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH")
        )
    };
}

pub(super) use symbol;
