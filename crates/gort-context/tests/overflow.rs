//! Stack overflows, each in a process of its own: this program starts itself again with the name of a part to
//! play.

#![cfg(all(any(target_os = "linux", windows), not(feature = "threads")))]

use std::ffi::{c_int, c_void};
use std::fmt::Write;
use std::hint::black_box;
use std::process::Output;
use std::time::{Duration, Instant};

mod support;

use gort_context::overflow::{self, AltStack, Overflow};
use gort_context::{Guard, Options, carried, on_stack};

const PART: &str = "GORT_CONTEXT_OVERFLOW_PART";

/// Runs the test of this name in a new process, with `part` to play there.
fn play(test: &str, part: &str) -> Output {
    support::this_test(test).env(PART, part).output().unwrap()
}

fn part() -> Option<String> {
    std::env::var(PART).ok()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Has overflows reported by [`report`], and with the word that it expects.
fn install() {
    overflow::install(report).unwrap();
    // SAFETY: nobody but `report` reads the word in this process.
    unsafe { carried::set(std::ptr::without_provenance_mut(77)) };
}

fn report(overflow: &Overflow) {
    let _ =
        writeln!(overflow.writer(), "REPORT {} carried {}", overflow.size(), carried::get().addr());
    assert!(overflow.address() < overflow.stack().start + if cfg!(windows) { 4096 } else { 0 });
}

#[expect(unconditional_recursion, reason = "it is to overflow the stack")]
#[inline(never)]
fn recursion_of_the_user<const FRAME: usize>(n: usize) -> usize {
    let mut frame = [0_u8; FRAME];
    frame[n % FRAME] = 1;
    black_box(&mut frame);
    recursion_of_the_user::<FRAME>(n + 1) + usize::from(black_box(frame)[0])
}

fn overflow_on(size: usize, guard: Guard, f: impl FnOnce()) -> ! {
    install();
    let _alt = AltStack::new().unwrap();
    let pool = Options::new(size).guard(guard).build().unwrap();
    let mut stack = pool.take().unwrap();
    on_stack(&mut stack, f);
    println!("came back");
    std::process::exit(0)
}

fn assert_reported(output: &Output, size: usize) -> String {
    let size = if cfg!(windows) { size.max(64 << 10) } else { size };
    let text = stderr(output);
    assert!(support::aborted(output), "{output:?}");
    assert!(text.contains(&format!("stack overflow: a stack of {} KiB", size >> 10)), "{text}");
    assert!(text.contains(&format!("REPORT {size} carried 77")), "{text}");
    text
}

#[test]
fn every_size_and_both_guards() {
    const SIZES: [usize; 4] = [16 << 10, 256 << 10, 1 << 20, 1 << 30];
    if let Some(part) = part() {
        let (size, guard) = part.split_once(' ').unwrap();
        let guard = if guard == "Mprotect" { Guard::Mprotect } else { Guard::Auto };
        overflow_on(size.parse().unwrap(), guard, || {
            black_box(recursion_of_the_user::<100>(0));
        });
    }
    for size in SIZES {
        for guard in [Guard::Auto, Guard::Mprotect] {
            let output = play("every_size_and_both_guards", &format!("{size} {guard:?}"));
            let text = assert_reported(&output, size);
            let frames = text.matches("recursion_of_the_user").count();
            assert!((20..100).contains(&frames), "{frames} frames in {text}");
            assert!(text.lines().count() < 250, "{text}");
        }
    }
}

#[test]
fn large_frames_hit_the_guard() {
    if part().is_some() {
        overflow_on(256 << 10, Guard::Auto, || {
            black_box(recursion_of_the_user::<150_000>(0));
        });
    }
    assert_reported(&play("large_frames_hit_the_guard", "x"), 256 << 10);
}

#[test]
fn a_shallow_overflow_shows_every_frame() {
    #[inline(never)]
    fn the_caller() {
        black_box(recursion_of_the_user::<1500>(0));
    }
    if part().is_some() {
        overflow_on(64 << 10, Guard::Auto, the_caller);
    }
    let text = assert_reported(&play("a_shallow_overflow_shows_every_frame", "x"), 64 << 10);
    assert!(text.contains("the_caller"), "{text}");
    assert!(!text.contains("older"), "{text}");
}

#[test]
fn in_a_foreign_frame() {
    unsafe extern "C" {
        fn qsort(
            of: *mut c_void,
            count: usize,
            size: usize,
            compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int,
        );
    }
    unsafe extern "C" fn compare(a: *const c_void, b: *const c_void) -> c_int {
        let _ = black_box((a, b));
        sort();
        0
    }
    fn sort() {
        let mut numbers = [3_u64, 2, 1];
        // SAFETY: there are three numbers of eight bytes; `compare` says nothing that would have one moved elsewhere.
        unsafe { qsort(numbers.as_mut_ptr().cast(), 3, 8, compare) };
        black_box(&mut numbers);
    }
    if part().is_some() {
        overflow_on(64 << 10, Guard::Auto, sort);
    }
    let text = assert_reported(&play("in_a_foreign_frame", "x"), 64 << 10);
    assert!(text.contains("compare"), "{text}");
}

/// Without probes; on Windows every function has them.
#[cfg(unix)]
#[test]
fn in_a_frame_that_no_unwinder_understands() {
    #[cfg(target_arch = "x86_64")]
    #[unsafe(naked)]
    unsafe extern "C" fn calls_itself() {
        std::arch::naked_asm!("sub rsp, 20000", "mov byte ptr [rsp], 1", "call {}", "ud2", sym calls_itself)
    }
    #[cfg(target_arch = "aarch64")]
    #[unsafe(naked)]
    unsafe extern "C" fn calls_itself() {
        std::arch::naked_asm!("sub sp, sp, #20480", "strb wzr, [sp]", "bl {}", "brk #1", sym calls_itself)
    }
    if part().is_some() {
        // SAFETY: it writes to its own frames until the guard ends the process.
        overflow_on(256 << 10, Guard::Auto, || unsafe { calls_itself() });
    }
    assert_reported(&play("in_a_frame_that_no_unwinder_understands", "x"), 256 << 10);
}

/// Without an `AltStack`, on the signal stack that std gives a thread, which is small.
#[test]
fn on_a_small_signal_stack() {
    if part().is_some() {
        install();
        let pool = Options::new(64 << 10).build().unwrap();
        on_stack(&mut pool.take().unwrap(), || {
            black_box(recursion_of_the_user::<100>(0));
        });
    }
    let text = assert_reported(&play("on_a_small_signal_stack", "x"), 64 << 10);
    assert!(text.contains("recursion_of_the_user"), "{text}");
}

#[test]
fn many_threads_at_once_make_one_report() {
    if part().is_some() {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| {
                    overflow_on(64 << 10, Guard::Auto, || {
                        black_box(recursion_of_the_user::<100>(0));
                    });
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
    let text = assert_reported(&play("many_threads_at_once_make_one_report", "x"), 64 << 10);
    assert_eq!(text.matches("REPORT").count(), 1, "{text}");
}

/// As if the overflow had happened inside the allocator, under its lock.
mod stuck {
    use super::*;
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicBool, Ordering};

    pub(super) static HELD: AtomicBool = AtomicBool::new(false);
    struct Held;
    #[global_allocator]
    static ALLOCATOR: Held = Held;

    // SAFETY: all is left to the system's allocator, which is only kept waiting.
    unsafe impl GlobalAlloc for Held {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            while HELD.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            // SAFETY: the same contract.
            unsafe { System.alloc(layout) }
        }
        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            // SAFETY: the same contract.
            unsafe { System.dealloc(at, layout) };
        }
    }

    #[test]
    fn a_backtrace_that_gets_stuck_is_given_up() {
        if part().is_some() {
            overflow_on(64 << 10, Guard::Auto, || {
                HELD.store(true, Ordering::Relaxed);
                black_box(recursion_of_the_user::<100>(0));
            });
        }
        let start = Instant::now();
        let text =
            assert_reported(&play("stuck::a_backtrace_that_gets_stuck_is_given_up", "x"), 64 << 10);
        assert!(text.contains("got stuck"), "{text}");
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}

/// A fault at 0x1230.
fn write_to_nothing() {
    // SAFETY: it is not right, and ends in the fault that is wanted: nothing is ever mapped so low. A volatile write is
    // compiled as it stands.
    unsafe { std::ptr::without_provenance_mut::<u8>(0x1230).write_volatile(1) };
}

/// Faults that are nobody's stack overflow.
#[cfg(unix)]
mod elsewhere {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::ptr::null_mut;

    extern "C" fn with_info(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
        // SAFETY: the kernel passes a handler for `SA_SIGINFO` what it knows.
        let info = unsafe { &*info };
        // SAFETY: the signal is a fault, so there is an address.
        let at = unsafe { info.si_addr() };
        let _ = writeln!(overflow::Stderr, "HANDLER {:#x}", at.addr());
        // SAFETY: it asks for nothing.
        unsafe { libc::_exit(33) };
    }

    extern "C" fn plain(signal: c_int) {
        let _ = writeln!(overflow::Stderr, "HANDLER {signal}");
        // SAFETY: it asks for nothing.
        unsafe { libc::_exit(34) };
    }

    fn set(handler: usize, flags: c_int) {
        // SAFETY: all zeros is a value of it.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        // SAFETY: the structure is valid for the call, and the handler one of the kind that the flags say.
        assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, null_mut()) }, 0);
    }

    #[test]
    fn go_to_the_handler_before_ours() {
        if let Some(part) = part() {
            let handler: (usize, c_int) = match part.as_str() {
                "info" => (with_info as *const () as usize, libc::SA_SIGINFO),
                "plain" => (plain as *const () as usize, 0),
                "ignore" | "ignore sent" => (libc::SIG_IGN, 0),
                _ => (libc::SIG_DFL, 0),
            };
            if part != "std" && part != "std overflow" {
                set(handler.0, handler.1);
            }
            overflow::install(report).unwrap();
            overflow::install(report).unwrap();
            let _alt = AltStack::new().unwrap();
            match part.as_str() {
                "default sent" | "ignore sent" => {
                    // SAFETY: it asks for nothing; whoever handles the signal is what is tested.
                    assert_eq!(unsafe { libc::raise(libc::SIGSEGV) }, 0)
                }
                "std overflow" => {
                    black_box(recursion_of_the_user::<100>(0));
                }
                _ => write_to_nothing(),
            }
            std::process::exit(7);
        }
        let run = |part| play("elsewhere::go_to_the_handler_before_ours", part);
        let output = run("info");
        assert_eq!(output.status.code(), Some(33), "{output:?}");
        assert!(stderr(&output).contains("HANDLER 0x1230"));
        let output = run("plain");
        assert_eq!(output.status.code(), Some(34), "{output:?}");
        assert_eq!(run("default").status.signal(), Some(libc::SIGSEGV));
        assert_eq!(run("default sent").status.signal(), Some(libc::SIGSEGV));
        assert_eq!(
            run("ignore").status.signal(),
            Some(libc::SIGSEGV),
            "what the kernel does with an ignored fault"
        );
        assert_eq!(run("ignore sent").status.code(), Some(7));
        assert_eq!(run("std").status.signal(), Some(libc::SIGSEGV));
        // The overflow of a thread's own stack stays std's.
        let output = run("std overflow");
        assert!(support::aborted(&output));
        assert!(stderr(&output).contains("has overflowed its stack"), "{}", stderr(&output));
        assert!(!stderr(&output).contains("REPORT"));
    }
}

#[cfg(windows)]
#[test]
fn faults_elsewhere_are_not_reported() {
    type Filter = unsafe extern "system" fn(*const c_void) -> i32;
    unsafe extern "system" {
        fn SetUnhandledExceptionFilter(filter: Option<Filter>) -> Option<Filter>;
    }
    unsafe extern "system" fn last_resort(_: *const c_void) -> i32 {
        std::process::exit(33)
    }
    if part().is_some() {
        overflow::install(report).unwrap();
        // SAFETY: it is a filter, and there for as long as the process.
        unsafe { SetUnhandledExceptionFilter(Some(last_resort)) };
        write_to_nothing();
        std::process::exit(7);
    }
    let output = play("faults_elsewhere_are_not_reported", "x");
    assert_eq!(output.status.code(), Some(33), "{output:?}");
    assert!(!stderr(&output).contains("REPORT"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn the_signal_stack_before_comes_back() {
    use std::ptr::null_mut;
    fn now() -> usize {
        let mut now = libc::stack_t { ss_sp: null_mut(), ss_flags: 0, ss_size: 0 };
        // SAFETY: the place for what there is now is valid.
        assert_eq!(unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) }, 0);
        now.ss_sp.addr()
    }
    let before = now();
    let alt = AltStack::new().unwrap();
    assert_ne!(now(), before);
    drop(alt);
    assert_eq!(now(), before);
}
