//! Where a context's chain of frames ends, and what happens to a panic that gets there.

#![cfg(all(any(target_os = "linux", windows), not(feature = "threads")))]

use std::backtrace::Backtrace;
use std::process::Output;

#[path = "support/pair.rs"]
mod pair;
mod support;

use gort_context::{Entry, StackPool, on_stack};
use pair::{Pair, back};

/// What the flow comes back with, if it does.
fn run(entry: Entry) -> *mut () {
    let pool = StackPool::new(256 << 10).unwrap();
    let stack = pool.take().unwrap();
    let mut pair = Pair::new(&stack, entry);
    let word = pair.call();
    pair.end();
    word
}

#[inline(never)]
fn a_function_of_the_user() -> String {
    an_inner_one() + ""
}

#[inline(never)]
fn an_inner_one() -> String {
    Backtrace::force_capture().to_string()
}

/// The numbered lines.
fn frames(text: &str) -> usize {
    text.lines()
        .filter(|line| {
            line.split_once(':').is_some_and(|(number, _)| number.trim().parse::<usize>().is_ok())
        })
        .count()
}

#[test]
fn a_backtrace_shows_the_users_frames_and_ends() {
    unsafe extern "C-unwind" fn entry(word: *mut ()) -> ! {
        let text = Box::into_raw(Box::new(a_function_of_the_user()));
        // SAFETY: it is the other flow of the pair that it was given.
        unsafe { back(word.cast(), text.cast()) };
        unreachable!()
    }
    // SAFETY: it is what the flow has made of its box.
    let text = *unsafe { Box::from_raw(run(entry).cast::<String>()) };
    assert!(text.contains("an_inner_one") && text.contains("a_function_of_the_user"), "{text}");
    assert!(
        !text.contains("a_backtrace_shows_the_users_frames_and_ends::{{closure}}"),
        "the chain ends: {text}"
    );
    assert!(frames(&text) < 20, "{text}");
    assert!(text.contains("start"), "down to the first frame: {text}");
}

#[test]
fn a_backtrace_goes_on_through_on_stack() {
    let pool = StackPool::new(256 << 10).unwrap();
    let mut stack = pool.take().unwrap();
    let text = on_stack(&mut stack, a_function_of_the_user);
    assert!(text.contains("a_function_of_the_user"), "{text}");
    assert!(text.contains("a_backtrace_goes_on_through_on_stack"), "{text}");
}

const PART: &str = "GORT_CONTEXT_BACKTRACE_PART";

fn play(test: &str) -> Output {
    support::this_test(test).env(PART, "1").output().unwrap()
}

#[test]
fn a_panic_that_escapes_aborts_with_a_message() {
    unsafe extern "C-unwind" fn entry(_: *mut ()) -> ! {
        panic!("nobody catches this")
    }
    if std::env::var_os(PART).is_some() {
        run(entry);
    }
    let output = play("a_panic_that_escapes_aborts_with_a_message");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(support::aborted(&output), "{text}");
    assert!(text.contains("nobody catches this"), "{text}");
    assert!(text.contains("a panic left the entry function of a context"), "{text}");
}

#[cfg(unix)]
#[test]
fn gdb_comes_to_the_end_too() {
    #[inline(never)]
    fn stop_here() {
        // SAFETY: the signal ends the process where no debugger stops it.
        unsafe { libc::raise(libc::SIGUSR1) };
        std::hint::black_box(());
    }
    unsafe extern "C-unwind" fn entry_for_gdb(_: *mut ()) -> ! {
        stop_here();
        std::process::exit(0)
    }
    if std::env::var_os(PART).is_some() {
        run(entry_for_gdb);
    }
    if std::process::Command::new("gdb").arg("--version").output().is_err() {
        println!("there is no gdb here");
        return;
    }
    let test = support::this_test("gdb_comes_to_the_end_too");
    if test.get_program() != std::env::current_exe().unwrap() {
        println!("gdb would trace the emulator");
        return;
    }
    let output = std::process::Command::new("gdb")
        .args(["-nx", "-batch", "-ex", "run", "-ex", "bt 100", "--args"])
        .arg(test.get_program())
        .args(test.get_args())
        .env(PART, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if text.contains("ptrace") {
        println!("gdb may not trace here");
        return;
    }
    assert!(text.contains("stop_here") && text.contains("entry_for_gdb"), "{text}");
    assert!(!text.contains("Backtrace stopped") && !text.contains("More stack frames"), "{text}");
    let frames = text.lines().filter(|line| line.starts_with('#')).count();
    assert!((3..25).contains(&frames), "{text}");
}
