//! Programs that show gort at work, an idea each; `cargo run --release --example hello` runs the first.
