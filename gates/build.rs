//! Lets the program know which compiler it was made by: counts are true of one compiler's code.

use std::process::Command;

fn main() {
    let compiler = std::env::var_os("RUSTC").expect("cargo says which compiler it uses");
    let output = Command::new(compiler).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    println!("cargo::rustc-env=GATES_COMPILER={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
