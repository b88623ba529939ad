//! What a scope's goroutine gives comes from another thread.

use std::rc::Rc;

fn main() {
    gort::scope(|s| {
        s.go(|| Rc::new(1));
    });
}
