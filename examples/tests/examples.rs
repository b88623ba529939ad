//! Runs each example on something small and looks at what it prints.

use std::process::Command;

/// Runs an example with cargo, which has built it already for this test.
fn run(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(example(name)).args(arguments).output().expect("the example starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("examples print UTF-8")
}

/// Where cargo puts examples: beside the folder of the test's own program.
fn example(name: &str) -> std::path::PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    profile.join("examples").join(name)
}

#[test]
fn hello() {
    assert_eq!(run("hello", &[]), "hello from a goroutine\n");
}

#[test]
fn pipeline() {
    assert_eq!(run("pipeline", &["100"]), "the sum of the first 100 squares is 338350\n");
}

#[test]
fn fan_in() {
    let output = run("fan_in", &[]);
    assert!(output.ends_with("8 readings\n"), "{output}");
    for line in ["fast: reading 4", "slow: reading 4", "(still listening)"] {
        assert!(output.lines().any(|other| other == line), "{line} in {output}");
    }
}

#[test]
fn sieve() {
    assert_eq!(run("sieve", &["100"]), "prime number 100 is 541\n");
}

#[test]
fn scope() {
    assert_eq!(run("scope", &[]), "3 the\n2 dog\n1 and\n");
}

#[test]
fn million() {
    let output = run("million", &["2000"]);
    assert!(output.ends_with("sum 2001000, expected 2001000\n"), "{output}");
}

#[test]
fn bad_arguments_are_refused() {
    for name in ["pipeline", "sieve", "million"] {
        let output = Command::new(example(name)).arg("many").output().expect("the example starts");
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("\"many\" is not a number"));
    }
}
