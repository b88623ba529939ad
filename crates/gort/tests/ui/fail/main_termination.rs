struct Outcome;

#[gort::main]
fn main() -> Outcome {
    Outcome
}
