//! What a scope's goroutines borrow goes to other threads.

use std::rc::Rc;

fn main() {
    let counted = Rc::new(1);
    gort::scope(|s| {
        s.go(|| println!("{counted}"));
    });
}
