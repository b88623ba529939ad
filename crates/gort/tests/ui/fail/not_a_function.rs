#[gort::main]
struct Main {
    field: u8,
}

#[gort::test]
const NUMBER: u8 = 1;

trait Declares {
    #[gort::main]
    fn declared(&self);
}

#[gort::main]
mod inner {}

fn main() {}
