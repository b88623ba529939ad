use gort::go;
use std::rc::Rc;

fn main() {
    let rc = Rc::new(1);
    go!(move || println!("{rc}"));
}
