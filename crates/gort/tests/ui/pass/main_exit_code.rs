use std::process::ExitCode;

mod inner {
    pub use ::gort as renamed;
}

#[gort::main(crate = inner::renamed)]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
