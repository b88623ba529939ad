//! Drawings of results: SVG, readable on white and on dark.

mod bars;
mod colours;
mod labels;
mod lines;
mod scale;
mod svg;

pub use bars::{Bar, bars};
pub use lines::{Chart, Line, Ticks, chart};
