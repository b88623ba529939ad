//! What `run` lends goes to another thread.

use std::rc::Rc;

fn main() {
    let counted = Rc::new(1);
    gort::run(|| println!("{counted}"));
}
