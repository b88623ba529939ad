//! Select.

#[doc(hidden)]
pub mod arms;
mod dynamic;
mod engine;
mod order;

pub use dynamic::{Select, SelectTimeoutError, SelectedOperation, TrySelectError};
