use std::error::Error;

/// The error is not `Send`.
#[gort::main(processors = 2)]
pub fn main() -> Result<(), Box<dyn Error>> {
    assert_eq!(gort::gomaxprocs(), "2".parse()?);
    Ok(())
}
