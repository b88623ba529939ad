//! `run`, on threads and in goroutines, and the attributes that stand for it.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use support::{LIMIT, Tally, on, runtime, within};

#[test]
fn it_returns_the_value_of_its_closure() {
    assert_eq!(gort::run(|| 6 * 7), 42);
    gort::run(|| ());
    assert_eq!(gort::run(|| vec![1; 100_000]).len(), 100_000);
    assert_eq!(gort::run(|| [7_u8; 4096])[4095], 7);
}

#[test]
fn it_runs_the_closure_as_a_goroutine() {
    assert!(gort::try_current().is_none());
    let id = gort::run(|| gort::current().id());
    assert_ne!(id, gort::run(|| gort::current().id()));
    assert!(gort::try_current().is_none());
}

#[test]
fn it_resumes_the_panic_of_its_closure() {
    struct Payload(u32);
    let payload = catch_unwind(|| {
        gort::run(|| std::panic::panic_any(Payload(7)));
    });
    assert_eq!(payload.unwrap_err().downcast::<Payload>().ok().unwrap().0, 7);
    // And all is well afterwards.
    assert_eq!(gort::run(|| 1), 1);
}

#[test]
fn its_closure_may_borrow() {
    let words = ["a".to_string(), "b".to_string()];
    let mut sum = 0;
    let joined = gort::run(|| {
        sum += 1;
        gort::yield_now();
        words.join("-")
    });
    assert_eq!((joined.as_str(), sum, words.len()), ("a-b", 1, 2));
}

#[test]
fn borrows_end_with_it_if_it_panics() {
    let tally = Tally::new();
    let token = tally.token();
    let caught = catch_unwind(AssertUnwindSafe(|| {
        gort::run(|| {
            let _borrowed = &token;
            let _own = tally.token();
            gort::yield_now();
            panic!("expected");
        });
    }));
    assert!(caught.is_err());
    assert_eq!(tally.alive(), 1);
    drop(token);
    assert_eq!(tally.alive(), 0);
}

#[test]
fn many_threads_run_at_once() {
    within(LIMIT, || {
        let total = AtomicUsize::new(0);
        thread::scope(|s| {
            for number in 0..16 {
                let total = &total;
                s.spawn(move || {
                    for round in 0..100 {
                        let value = gort::run(|| {
                            let handle = gort::spawn(move || number * 1000 + round);
                            gort::yield_now();
                            handle.join().unwrap()
                        });
                        assert_eq!(value, number * 1000 + round);
                        total.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 1600);
    });
}

#[test]
fn it_nests_in_goroutines() {
    fn nest(depth: u32) -> u32 {
        if depth == 0 { 0 } else { gort::run(|| nest(depth - 1) + 1) }
    }
    assert_eq!(gort::run(|| nest(50)), 50);
    assert_eq!(on(1, || nest(50)), 50);
}

#[test]
fn nested_it_stays_in_the_runtime_of_its_caller() {
    within(LIMIT, || {
        let runtime = runtime(1);
        assert_eq!(runtime.run(|| gort::run(gort::num_goroutines)), 2);
        assert_eq!(runtime.run(|| gort::run(gort::gomaxprocs)), 1);
    });
}

#[test]
fn a_nested_panic_goes_up_one_level() {
    on(1, || {
        let caught = catch_unwind(|| gort::run(|| panic!("inner")));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"inner"));
        assert_eq!(gort::run(|| 3), 3);
    });
}

#[test]
fn goroutines_left_behind_go_on() {
    let (tx, rx) = gort::chan::chan(0);
    let (answer, answers) = gort::chan::chan(1);
    gort::run(move || {
        gort::go!(move || {
            for n in &rx {
                answer.send(n + 1).unwrap();
            }
        });
    });
    for n in 0..10 {
        tx.send(n).unwrap();
        assert_eq!(answers.recv(), Some(n + 1));
    }
}

#[test]
fn runtimes_run_in_each_others_goroutines() {
    within(LIMIT, || {
        let (one, two) = (runtime(1), runtime(1));
        let sum = one.run(|| {
            let a = two.run(|| {
                let b = one.run(|| 1);
                b + 1
            });
            a + 1
        });
        assert_eq!(sum, 3);
        let caught =
            one.run(|| catch_unwind(AssertUnwindSafe(|| two.run(|| panic!("over there")))));
        assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"over there"));
    });
}

#[gort::test]
fn a_test_is_a_goroutine() {
    assert!(gort::try_current().is_some());
    gort::yield_now();
}

mod program {
    #[gort::main]
    pub fn main() -> super::ExitCode {
        assert!(gort::try_current().is_some());
        super::ExitCode::from(3)
    }
}

#[test]
fn a_main_is_a_goroutine_and_keeps_its_exit_code() {
    assert_eq!(format!("{:?}", program::main()), format!("{:?}", ExitCode::from(3)));
}
