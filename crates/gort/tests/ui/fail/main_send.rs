use std::rc::Rc;

#[gort::main]
fn takes(rc: Rc<u8>) {
    println!("{rc}");
}

#[gort::main]
fn gives() -> Rc<u8> {
    Rc::new(1)
}

fn main() {}
