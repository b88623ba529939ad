//! Who is told of a panic: the handler, standard error, whoever joins.

use crate::support::programs::{self, aborted};
use crate::support::{
    CHILD, LIMIT, OnDrop, assert_success, child, eventually, in_child, on, stderr, yield_until,
};
use crate::{expected, quiet};
use gort::Runtime;
use gort::chan::chan;
use gort::select::Select;
use gort::sync::{ErrGroup, Once, Semaphore, WaitGroup};
use gort::time::{Ticker, timeout};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn the_handler_is_told() {
    if in_child() {
        type Seen = (u64, Option<String>, Option<String>, Option<u64>);
        let seen = Arc::new(Mutex::new(Vec::<Seen>::new()));
        let log = seen.clone();
        gort::set_panic_handler(move |info| {
            assert!(gort::try_current().is_some(), "it is called in the goroutine");
            // It may block.
            gort::sleep(Duration::from_millis(1));
            log.lock().unwrap().push((
                info.id(),
                info.name().map(str::to_owned),
                info.message().map(str::to_owned),
                info.payload().downcast_ref().copied(),
            ));
            assert!(format!("{info:?}").contains("id"));
        });
        let count = |n| eventually("it is called", || seen.lock().unwrap().len() == n);
        gort::go!(|| panic!("a literal"));
        count(1);
        gort::go!(|| panic!("a number: {}", 5));
        count(2);
        gort::go!(|| panic_any(17_u64));
        count(3);
        let (dropped, is_dropped) = chan::<()>(0);
        let body = move || -> () {
            is_dropped.recv();
            panic!("late");
        };
        let handle = gort::Builder::new().name("named").spawn(body).unwrap();
        let id = handle.id();
        drop(handle);
        drop(dropped);
        count(4);
        {
            let seen = seen.lock().unwrap();
            assert_eq!(seen[0].2.as_deref(), Some("a literal"));
            assert_eq!(seen[1].2.as_deref(), Some("a number: 5"));
            assert_eq!((seen[2].2.as_deref(), seen[2].3), (None, Some(17)));
            assert_eq!(seen[3].0, id);
            assert_eq!(seen[3].1.as_deref(), Some("named"));
        }
        // One that is joined is not the handler's affair.
        assert!(gort::spawn(|| panic!("joined")).join().is_err());
        assert!(catch_unwind(|| gort::run(|| panic!("run"))).is_err());
        gort::run(|| ());
        assert_eq!(seen.lock().unwrap().len(), 4);
        // A handler may be replaced.
        let other = Arc::new(AtomicUsize::new(0));
        let calls = other.clone();
        gort::set_panic_handler(move |_| {
            calls.fetch_add(1, SeqCst);
        });
        gort::go!(|| panic!("to the other"));
        eventually("the other is called", || other.load(SeqCst) == 1);
        assert_eq!(seen.lock().unwrap().len(), 4);
        return;
    }
    assert_success(&child("told::the_handler_is_told", |_| {}));
}

/// The report comes after the destructors, and before the goroutine counts as ended.
fn have_told() {
    eventually("all have ended", || gort::num_goroutines() == 0);
}

#[test]
fn without_a_handler_standard_error_is_told() {
    if in_child() {
        let group = WaitGroup::new();
        group.go(|| panic!("out of cheese"));
        group.wait();
        let (done, ended) = chan::<()>(0);
        let (dropped, is_dropped) = chan::<()>(0);
        let body = move || -> () {
            let _done = done;
            is_dropped.recv();
            panic_any(5);
        };
        drop(gort::Builder::new().name("baker").spawn(body).unwrap());
        drop(dropped);
        ended.recv();
        return have_told();
    }
    let output = child("told::without_a_handler_standard_error_is_told", |_| {});
    assert_success(&output);
    let told = stderr(&output);
    let mut reports = told.lines().filter(|line| line.starts_with("gort: goroutine"));
    assert!(reports.any(|line| line.ends_with("panicked: out of cheese")), "{told}");
    assert!(told.contains("'baker'"), "{told}");
}

/// A shutdown is silent where it ends its own runtime's goroutines; whoever has called one of them ends with a word.
#[test]
fn who_ends_by_the_shutdown_of_another_runtime_is_told_of() {
    if in_child() {
        /// A call that is ended by a shutdown.
        fn call() {
            let (begins, has_begun) = chan::<()>(0);
            let other = Runtime::new().unwrap();
            let ending = other.spawn(move || {
                begins.send(()).unwrap();
                gort::sleep(Duration::MAX);
            });
            has_begun.recv();
            other.shutdown(LIMIT).unwrap();
            let payload = ending.join().unwrap_err();
            Runtime::new().unwrap().run(|| resume_unwind(payload))
        }
        let group = WaitGroup::new();
        group.go(call);
        group.wait();
        have_told();
        return call();
    }
    let output = child("told::who_ends_by_the_shutdown_of_another_runtime_is_told_of", |_| {});
    assert!(!output.status.success());
    let told = stderr(&output);
    let hook = told.lines().filter(|line| line.contains("panicked at") && line.contains("told.rs"));
    assert_eq!(hook.count(), 2, "{told}");
    let report = "panicked: it waited for a goroutine whose runtime was shut down";
    assert!(told.contains(report), "{told}");
}

#[test]
fn that_nobody_reads_standard_error_harms_nobody() {
    if in_child() {
        let ends = || {
            let (done, ended) = chan::<()>(0);
            gort::go!(move || -> () {
                let _done = done;
                panic!("out of cheese");
            });
            ended.recv();
        };
        // On one processor the first has told of its panic before the second begins.
        let runtime = gort::Runtime::builder().processors(1).build().unwrap();
        runtime.run(|| (0..2).for_each(|_| ends()));
        runtime.shutdown(LIMIT).unwrap();
        return;
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = programs::this_test("told::that_nobody_reads_standard_error_harms_nobody");
    let status = child.env(CHILD, "1").stdout(Stdio::null()).stderr(writer).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn a_handler_that_panics_is_reported_and_goes_no_further() {
    if in_child() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        gort::set_panic_handler(move |_| {
            counted.fetch_add(1, SeqCst);
            panic!("in the handler");
        });
        for n in 1..=5 {
            gort::go!(|| panic!("out of cheese"));
            eventually("the handler is called", || calls.load(SeqCst) == n);
        }
        // Nor does what it panics with.
        gort::set_panic_handler(|_| {
            panic_any(OnDrop(|| panic_any(OnDrop(|| panic!("of its payload's payload")))));
        });
        gort::go!(|| panic!("out of cheese"));
        eventually("it has ended", || gort::num_goroutines() == 0);
        assert_eq!(gort::run(|| gort::spawn(|| 3).join().unwrap()), 3);
        return;
    }
    let output = child("told::a_handler_that_panics_is_reported_and_goes_no_further", |_| {});
    assert_success(&output);
    assert!(stderr(&output).contains("the panic handler panicked"), "{}", stderr(&output));
}

#[test]
fn payloads_of_any_type_arrive() {
    quiet();
    on(1, || {
        let payload = gort::spawn(|| -> () { panic_any(vec![1, 2]) }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&vec![1, 2]));
        let payload = gort::spawn(|| -> () { panic!("{}", "text") }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"text".to_string()));
        let payload = gort::spawn(|| -> () { expected() }).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"expected"));
    });
}

#[test]
fn hooks_may_block_too() {
    if in_child() {
        let (tx, rx) = chan(0);
        std::panic::set_hook(Box::new(move |_| {
            gort::sleep(Duration::from_micros(100));
            tx.send(gort::current().id()).unwrap();
        }));
        gort::set_panic_handler(|_| ());
        gort::run(|| {
            for _ in 0..20 {
                let handle = gort::spawn(|| panic!("to the hook"));
                assert_eq!(rx.recv(), Some(handle.id()));
                assert!(handle.join().is_err());
            }
        });
        return;
    }
    assert_success(&child("told::hooks_may_block_too", |_| {}));
}

#[test]
fn abort_as_the_policy() {
    if in_child() {
        let builder = gort::Runtime::builder().on_panic(gort::OnPanic::Abort);
        let runtime = builder.processors(1).build().unwrap();
        // A shutdown is no panic.
        let other = gort::Runtime::builder().on_panic(gort::OnPanic::Abort).build().unwrap();
        drop(other.spawn(|| gort::sleep(Duration::MAX)));
        other.shutdown(LIMIT).unwrap();
        let handle = runtime.run(|| gort::Builder::new().name("fuse").spawn(|| panic!("blown")));
        let _ = handle.unwrap().join();
        println!("still here");
        return;
    }
    let output = child("told::abort_as_the_policy", |_| {});
    let told = stderr(&output);
    assert!(told.contains("'fuse' panicked: blown: aborting"), "{told}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("still here"));
    assert!(aborted(&output));
}

/// Also where the panic is caught in the goroutine, to be passed on.
#[test]
fn abort_where_a_panic_would_be_passed_on() {
    const HOW: &str = "GORT_TEST_HOW";
    fn call(how: &str, f: fn()) {
        match how {
            "scope" => drop(gort::scope(|s| s.go(f).join())),
            "group" => {
                let group = ErrGroup::new();
                group.go(move || {
                    f();
                    Ok::<_, String>(())
                });
                drop(catch_unwind(AssertUnwindSafe(|| group.wait())));
            }
            _ => drop(catch_unwind(|| timeout(LIMIT, f))),
        }
    }
    if in_child() {
        let how = std::env::var(HOW).unwrap();
        let build = || gort::Runtime::builder().on_panic(gort::OnPanic::Abort).build().unwrap();
        // A shutdown is no panic.
        let (other, its_how) = (build(), how.clone());
        let (begins, has_begun) = chan::<()>(0);
        drop(other.spawn(move || {
            begins.send(()).unwrap();
            call(&its_how, || gort::sleep(Duration::MAX));
        }));
        has_begun.recv();
        other.shutdown(LIMIT).unwrap();
        println!("so far");
        build().run(|| call(&how, || panic!("blown")));
        println!("still here");
        return;
    }
    for how in ["scope", "group", "timeout"] {
        let output = child("told::abort_where_a_panic_would_be_passed_on", |command| {
            command.env(HOW, how);
        });
        let told = stderr(&output);
        assert!(told.contains("panicked: blown: aborting"), "{how}: {told}");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("so far") && !said.contains("still here"), "{how}: {said}");
        assert!(aborted(&output));
    }
}

/// The handler is told of those that nobody comes for.
#[test]
fn panics_that_are_not_passed_on() {
    if in_child() {
        let (tell, told) = chan(1000);
        gort::set_panic_handler(move |info| {
            tell.try_send((info.id(), info.message().map(str::to_owned))).unwrap();
        });
        on(2, move || {
            let next = || told.recv_timeout(LIMIT).expect("it is told of");
            let message = |text: &str| Some(text.to_owned());
            let (open, gate) = chan::<()>(0);
            let late = timeout(Duration::from_millis(1), move || {
                gate.recv();
                resume_unwind(Box::new("late"))
            });
            assert!(late.is_err());
            drop(open);
            assert_eq!(next().1, message("late"));

            let group = ErrGroup::new();
            let (tx, rx) = chan(1);
            group.go(move || -> Result<(), String> {
                tx.send(gort::current().id()).unwrap();
                resume_unwind(Box::new("alone"))
            });
            drop(group);
            assert_eq!(next(), (rx.recv().unwrap(), message("alone")));

            // One of two arrives.
            let group = ErrGroup::new();
            for text in ["one", "two"] {
                group.go(move || -> Result<(), String> { resume_unwind(Box::new(text)) });
            }
            let payload = catch_unwind(AssertUnwindSafe(|| group.wait())).unwrap_err();
            let other = match *payload.downcast::<&str>().unwrap() {
                "one" => "two",
                _ => "one",
            };
            assert_eq!(next().1, message(other));
            drop(group);

            // Those that come as the time is up.
            const MANY: u64 = 500;
            let mut arrived = 0;
            for n in 0..MANY {
                let time = Duration::from_micros(n % 50);
                let result = catch_unwind(|| {
                    timeout(time, move || {
                        gort::sleep(time);
                        resume_unwind(Box::new("in time or not"))
                    })
                });
                arrived += u64::from(result.is_err());
            }
            (arrived..MANY).for_each(|_| assert_eq!(next().1, message("in time or not")));
            yield_until("the others have ended", || gort::num_goroutines() == 1);
            assert!(told.is_empty(), "what arrives is not told of");
        });
        return;
    }
    assert_success(&child("told::panics_that_are_not_passed_on", |_| {}));
}

/// A panic about how a thing was used names the line that has used it so.
#[test]
fn misuse_is_told_with_its_place() {
    if in_child() {
        let places = Arc::new(Mutex::new(Vec::new()));
        let log = places.clone();
        std::panic::set_hook(Box::new(move |info| {
            log.lock().unwrap().push(info.location().unwrap().file().to_owned());
        }));
        let (once, semaphore, other) = (Once::new(), Semaphore::new(1), Semaphore::new(1));
        let misuses: [&dyn Fn(); 12] = [
            &|| WaitGroup::new().done(),
            &|| WaitGroup::new().add(-1),
            &|| once.call_once(|| once.wait()), // and is poisoned
            &|| once.call_once(|| ()),
            &|| once.wait(),
            &|| once.wait_timeout(Duration::ZERO).unwrap(),
            &|| semaphore.release(usize::MAX),
            &|| drop(semaphore.acquire(usize::MAX)),
            &|| semaphore.acquire(1).merge(other.acquire(1)),
            &|| drop(ErrGroup::new().limit(0)),
            &|| drop(Ticker::new(Duration::ZERO)),
            &|| Select::new().remove(0),
        ];
        for misuse in misuses {
            assert!(catch_unwind(AssertUnwindSafe(misuse)).is_err());
        }
        drop(std::panic::take_hook());
        assert_eq!(*places.lock().unwrap(), [file!(); 12]);
        return;
    }
    assert_success(&child("told::misuse_is_told_with_its_place", |_| {}));
}
