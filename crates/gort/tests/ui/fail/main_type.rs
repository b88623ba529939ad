#[gort::main]
fn unit() {
    5
}

#[gort::main]
fn number() -> u32 {
    "five"
}

#[gort::main]
fn nothing() -> u32 {}

#[gort::main]
fn main() -> Result<(), String> {
    true
}
