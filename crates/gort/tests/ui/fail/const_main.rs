#[gort::main]
const fn main() {}
