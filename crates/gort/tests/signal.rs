//! Signals. Each test that changes what signals do runs in a process of its own.
#![cfg(target_os = "linux")]

mod support;

use gort::signal::{self, Signal, ctrl_c, notify};
use gort::{chan, select};
use std::io::{ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use support::{
    assert_success, block_signals, child, eventually, in_child, in_turn, on, programs, stderr,
};

/// Runs the body in a child process, and there only.
fn alone(test: &str, body: impl FnOnce()) -> Option<Output> {
    if in_child() {
        body();
        return None;
    }
    Some(child(test, |_| {}))
}

#[track_caller]
fn succeeds(output: Option<Output>) {
    output.iter().for_each(assert_success);
}

#[track_caller]
fn is_ended_by(output: Option<Output>, signal: Signal) {
    if let Some(output) = output {
        assert_eq!(output.status.signal(), Some(signal.as_raw()), "{}", stderr(&output));
    }
}

#[test]
fn each_receiver_gets_each_signal() {
    succeeds(alone("each_receiver_gets_each_signal", || {
        on(2, || {
            let both = notify(&[Signal::USER1, Signal::TERMINATE, Signal::USER1]).unwrap();
            let one = notify(&[Signal::USER1]).unwrap();
            for _ in 0..100 {
                Signal::USER1.raise().unwrap();
                assert_eq!(both.recv(), Some(Signal::USER1));
                assert_eq!(one.recv(), Some(Signal::USER1));
            }
            Signal::TERMINATE.raise().unwrap();
            assert_eq!(both.recv(), Some(Signal::TERMINATE));
            assert!(one.is_empty());
            // The others go on when one goes.
            drop(both);
            Signal::USER1.raise().unwrap();
            assert_eq!(one.recv(), Some(Signal::USER1));
        });
    }));
}

/// No thread of the program takes them, so the one that passes them on does, as long as somebody receives them.
#[test]
fn signals_that_were_blocked_before_the_program_began() {
    const TEST: &str = "signals_that_were_blocked_before_the_program_began";
    if !in_child() {
        return assert_success(&child(TEST, block_signals));
    }
    on(2, || {
        let first = notify(&[Signal::USER1]).unwrap();
        let second = notify(&[Signal::TERMINATE]).unwrap();
        for _ in 0..10 {
            Signal::USER1.raise().unwrap();
            assert_eq!(first.recv(), Some(Signal::USER1));
            Signal::TERMINATE.raise().unwrap();
            assert_eq!(second.recv(), Some(Signal::TERMINATE));
        }
        drop(first);
        Signal::USER1.raise().unwrap();
        let is_pending = || {
            // SAFETY: all zeros is a value of it.
            let mut pending: libc::sigset_t = unsafe { std::mem::zeroed() };
            // SAFETY: the place for the set is valid.
            unsafe { libc::sigpending(&raw mut pending) };
            // SAFETY: the set is valid.
            unsafe { libc::sigismember(&raw const pending, libc::SIGUSR1) == 1 }
        };
        eventually("it is blocked as before", is_pending);
    });
}

/// With one processor: it is free while the signal is waited for.
#[test]
fn who_waits_for_a_signal_holds_no_processor() {
    succeeds(alone("who_waits_for_a_signal_holds_no_processor", || {
        in_turn(|| {
            let signals = notify(&[Signal::USER1]).unwrap();
            let (tx, rx) = chan(0);
            gort::spawn(move || {
                gort::sleep(Duration::from_millis(1));
                tx.send(()).unwrap();
            });
            select! {
                recv(signals) -> signal => panic!("{signal:?}"),
                recv(rx) -> told => assert_eq!(told, Some(())),
            }
            let waiter = gort::spawn(move || signals.recv());
            gort::yield_now();
            assert!(!waiter.is_finished());
            Signal::USER1.raise().unwrap();
            assert_eq!(waiter.join().unwrap(), Some(Signal::USER1));
        });
    }));
}

/// By the signal.
fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

#[test]
fn without_a_receiver_the_default_is_back() {
    let output = alone("without_a_receiver_the_default_is_back", || {
        let signals = notify(&[Signal::TERMINATE]).unwrap();
        Signal::TERMINATE.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::TERMINATE));
        drop(signals);
        Signal::TERMINATE.raise().unwrap();
        wait_for_the_end()
    });
    is_ended_by(output, Signal::TERMINATE);
}

#[test]
fn the_second_ctrl_c_ends_the_process() {
    let output = alone("the_second_ctrl_c_ends_the_process", || {
        // Shells start what is in the background so that it is ignored.
        gort::signal::reset(&[Signal::INTERRUPT]).unwrap();
        on(1, || {
            let waiter = gort::spawn(ctrl_c);
            // It has a receiver when the signal has a handler.
            support::yield_until("a handler", || action(Signal::INTERRUPT) != libc::SIG_DFL);
            Signal::INTERRUPT.raise().unwrap();
            waiter.join().unwrap().unwrap();
            Signal::INTERRUPT.raise().unwrap();
            loop {
                gort::sleep(Duration::from_secs(1));
            }
        });
    });
    is_ended_by(output, Signal::INTERRUPT);
}

/// The handler that the system has for a signal.
fn action(signal: Signal) -> usize {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks for the action that there is.
    let done = unsafe { libc::sigaction(signal.as_raw(), std::ptr::null(), &raw mut action) };
    assert_eq!(done, 0);
    action.sa_sigaction
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    SEEN.fetch_add(1, SeqCst);
}

extern "C" fn count_with_info(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    _: *mut libc::c_void,
) {
    // SAFETY: the handler was installed with the flag for that.
    if unsafe { (*info).si_signo } == signal {
        SEEN.fetch_add(100, SeqCst);
    }
}

fn install(signal: Signal, handler: usize, flags: libc::c_int) {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: the handlers of this file only count, or call that of gort, which may be put back itself.
    let done = unsafe { libc::sigaction(signal.as_raw(), &raw const action, std::ptr::null_mut()) };
    assert_eq!(done, 0);
}

#[test]
fn a_handler_that_was_there_is_called_and_comes_back() {
    succeeds(alone("a_handler_that_was_there_is_called_and_comes_back", || {
        install(Signal::USER1, count as *const () as usize, 0);
        install(Signal::USER2, count_with_info as *const () as usize, libc::SA_SIGINFO);
        for (signal, expected) in [(Signal::USER1, 2), (Signal::USER2, 202)] {
            let before = action(signal);
            let signals = notify(&[signal]).unwrap();
            assert_ne!(action(signal), before);
            signal.raise().unwrap();
            assert_eq!(signals.recv(), Some(signal));
            drop(signals);
            // This one notices that nobody receives it any more.
            signal.raise().unwrap();
            eventually("its handler is back", || action(signal) == before);
            eventually("it was called", || SEEN.load(SeqCst) == expected);
        }
    }));
}

/// What comes on top of ours, and calls it, is not taken away.
#[test]
fn a_handler_that_came_later_stays() {
    static OURS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn on_top(
        signal: libc::c_int,
        info: *mut libc::siginfo_t,
        context: *mut libc::c_void,
    ) {
        SEEN.fetch_add(1, SeqCst);
        type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: that of gort is such a function.
        let ours = unsafe { std::mem::transmute::<usize, WithInfo>(OURS.load(SeqCst)) };
        ours(signal, info, context);
    }

    succeeds(alone("a_handler_that_came_later_stays", || {
        let signals = notify(&[Signal::USER1]).unwrap();
        OURS.store(action(Signal::USER1), SeqCst);
        let on_top = on_top as *const () as usize;
        install(Signal::USER1, on_top, libc::SA_SIGINFO);
        Signal::USER1.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::USER1));
        drop(signals);
        let again = notify(&[Signal::USER1]).unwrap();
        assert_eq!(action(Signal::USER1), on_top);
        Signal::USER1.raise().unwrap();
        assert_eq!(again.recv(), Some(Signal::USER1));
        assert_eq!(SEEN.load(SeqCst), 2);
    }));
}

/// By who has set it aside for a while, as system(3) does, in which nobody is left to receive.
#[test]
fn ours_does_not_stay_when_it_is_put_back_by_others() {
    let output = alone("ours_does_not_stay_when_it_is_put_back_by_others", || {
        let signals = notify(&[Signal::USER1]).unwrap();
        let ours = action(Signal::USER1);
        install(Signal::USER1, count as *const () as usize, 0);
        drop(signals);
        signal::ignore(&[]).unwrap(); // notices that nobody receives it
        assert_eq!(action(Signal::USER1), count as *const () as usize);
        install(Signal::USER1, ours, libc::SA_SIGINFO);
        Signal::USER1.raise().unwrap();
        wait_for_the_end()
    });
    is_ended_by(output, Signal::USER1);
}

/// Only once nobody receives the signal that it was put on top of.
#[test]
fn reset_takes_away_a_handler_that_came_later() {
    succeeds(alone("reset_takes_away_a_handler_that_came_later", || {
        let count = count as *const () as usize;
        for (dispose, expected) in
            [(signal::reset as fn(&[Signal]) -> _, libc::SIG_DFL), (signal::ignore, libc::SIG_IGN)]
        {
            let signals = notify(&[Signal::USER1]).unwrap();
            install(Signal::USER1, count, 0);
            dispose(&[Signal::USER1]).unwrap();
            assert_eq!(action(Signal::USER1), count);
            drop(signals);
            dispose(&[Signal::USER1]).unwrap();
            assert_eq!(action(Signal::USER1), expected);
        }
        let again = notify(&[Signal::USER1]).unwrap();
        Signal::USER1.raise().unwrap();
        assert_eq!(again.recv(), Some(Signal::USER1));
        assert_eq!(SEEN.load(SeqCst), 0);
    }));
}

/// Nobody is held up, and a receiver that does not look keeps no more than it is said to.
#[test]
fn a_burst_is_cut_off() {
    succeeds(alone("a_burst_is_cut_off", || {
        // One may be on its way when the receivers are dropped.
        signal::ignore(&[Signal::USER1]).unwrap();
        let lazy = notify(&[Signal::USER1]).unwrap();
        let quick = notify(&[Signal::USER1, Signal::USER2]).unwrap();
        for _ in 0..1000 {
            Signal::USER1.raise().unwrap();
            assert_eq!(quick.recv(), Some(Signal::USER1));
        }
        assert_eq!(lazy.len(), 64);
        for _ in 0..100_000 {
            Signal::USER1.raise().unwrap();
        }
        assert!(lazy.try_iter().all(|signal| signal == Signal::USER1));
        // What comes when there is room again is not lost.
        quick.try_iter().for_each(drop);
        Signal::USER2.raise().unwrap();
        assert!(quick.iter().any(|signal| signal == Signal::USER2));
    }));
}

/// Handlers that interrupt goroutines wherever they are.
#[test]
fn a_storm_of_signals_harms_nobody() {
    succeeds(alone("a_storm_of_signals_harms_nobody", || {
        on(2, || {
            // One may be on its way when the receiver is dropped.
            signal::ignore(&[Signal::USER1, Signal::USER2]).unwrap();
            let signals = notify(&[Signal::USER1, Signal::USER2]).unwrap();
            let (tx, rx) = chan(1);
            let workers: Vec<_> = (0..4u64)
                .map(|n| {
                    let tx = tx.clone();
                    gort::spawn(move || {
                        (0..2000).for_each(|i| tx.send(n * 2000 + i).unwrap());
                    })
                })
                .collect();
            drop(tx);
            let storm = gort::spawn(|| {
                (0..2000).for_each(|_| {
                    Signal::USER1.raise().unwrap();
                    gort::sleep(Duration::from_micros(1));
                });
            });
            let seen = gort::spawn(move || {
                signals.iter().take_while(|&signal| signal == Signal::USER1).count()
            });
            assert_eq!(rx.iter().sum::<u64>(), (0..8000).sum());
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            storm.join().unwrap();
            // It is dropped if there is no room at that moment.
            while !seen.is_finished() {
                Signal::USER2.raise().unwrap();
                gort::sleep(Duration::from_millis(1));
            }
            assert!(seen.join().unwrap() > 0);
        });
    }));
}

#[test]
fn signals_that_nobody_can_receive_are_refused() {
    for number in [
        libc::SIGKILL,
        libc::SIGSTOP,
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGILL,
        32,
        0,
        -1,
        65,
        i32::MAX,
    ] {
        let bad = Signal::from_raw(number);
        for refused in
            [notify(&[Signal::CHILD, bad]).map(drop), signal::ignore(&[bad]), signal::reset(&[bad])]
        {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let told = error.to_string();
            assert!(told.starts_with(&format!("{bad} cannot be received or ignored: ")), "{told}");
        }
    }
    assert_eq!(notify(&[]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(action(Signal::CHILD), libc::SIG_DFL, "nothing has changed");
    assert_eq!(Signal::from_raw(99).raise().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
#[cfg(not(feature = "threads"))]
fn the_signal_that_preempts_is_the_runtimes_own() {
    succeeds(alone("the_signal_that_preempts_is_the_runtimes_own", || {
        let in_place = |signal| {
            // SAFETY: nothing runs in it.
            unsafe { gort::Runtime::builder().preempt_in_place() }.preempt_signal(signal).build()
        };
        let mine = notify(&[Signal::USER1]).unwrap();
        let error = in_place(libc::SIGUSR1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("signal::notify"), "{error}");
        drop(mine);
        assert!(notify(&[Signal::USER2]).is_ok(), "sweeps the other");
        let _runtime = in_place(libc::SIGUSR1).unwrap();
        for refused in [
            notify(&[Signal::CHILD, Signal::USER1]).map(drop),
            signal::ignore(&[Signal::USER1]),
            signal::reset(&[Signal::USER1]),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceBusy);
            assert!(error.to_string().contains("preemption"), "{error}");
        }
        assert_eq!(action(Signal::CHILD), libc::SIG_DFL);
    }));
}

#[test]
fn ignored_and_reset() {
    let output = alone("ignored_and_reset", || {
        signal::ignore(&[Signal::USER1, Signal::USER2]).unwrap();
        Signal::USER1.raise().unwrap();
        // Also beneath those who receive it.
        let signals = notify(&[Signal::USER1]).unwrap();
        signal::reset(&[Signal::USER1]).unwrap();
        Signal::USER1.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::USER1));
        let inherited = Command::new("sh").args(["-c", "kill -USR2 $$; kill -USR1 $$"]).status();
        assert_eq!(inherited.unwrap().signal(), Some(Signal::USER1.as_raw()));
        drop(signals);
        Signal::USER1.raise().unwrap();
        wait_for_the_end()
    });
    is_ended_by(output, Signal::USER1);
}

/// A process that was forked off has no thread to pass signals on; there they do what they did before, and the
/// parent hears nothing of them.
#[test]
fn a_forked_process_is_not_deaf() {
    succeeds(alone("a_forked_process_is_not_deaf", || {
        let signals = notify(&[Signal::TERMINATE]).unwrap();
        // SAFETY: the child only waits.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            loop {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            }
        }
        // SAFETY: the process of this test's own.
        assert_eq!(unsafe { libc::kill(forked, libc::SIGTERM) }, 0);
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM);
        assert!(signals.is_empty());
        Signal::TERMINATE.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::TERMINATE));
    }));
}

/// It is told so, and a signal that it wants to be notified of goes on doing what it did.
#[test]
fn a_forked_process_is_told_that_it_is_not_notified() {
    succeeds(alone("a_forked_process_is_told_that_it_is_not_notified", || {
        let signals = notify(&[Signal::USER1]).unwrap();
        // Then the thread that passes them on has no lock any more that the child would want.
        Signal::USER1.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::USER1));
        // SAFETY: the child has one thread, calls nothing that another one may have locked, and leaves.
        let forked = unsafe { libc::fork() };
        if forked == 0 {
            // SAFETY: no memory of ours is involved. It ends this process if it hangs, as nobody else does.
            unsafe { libc::alarm(30) };
            let refused = notify(&[Signal::TERMINATE]);
            if refused.is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
                Signal::TERMINATE.raise().unwrap();
            }
            // SAFETY: ends the process, and runs nothing else.
            unsafe { libc::_exit(1) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was just made.
        assert_eq!(unsafe { libc::waitpid(forked, &raw mut status, 0) }, forked);
        assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGTERM);
        Signal::USER1.raise().unwrap();
        assert_eq!(signals.recv(), Some(Signal::USER1));
    }));
}

/// A server is told to stop, and finishes what it is at.
#[test]
fn a_graceful_stop() {
    const TEST: &str = "a_graceful_stop";
    if in_child() {
        return on(2, || {
            let stop = notify(&[Signal::INTERRUPT, Signal::TERMINATE]).unwrap();
            println!("\nready");
            let (tx, done) = chan::<()>(0);
            let worker = gort::spawn(move || {
                while done.try_recv() == Err(gort::chan::TryRecvError::Empty) {
                    gort::sleep(Duration::from_micros(100));
                }
            });
            let signal = stop.recv().unwrap();
            drop(tx);
            worker.join().unwrap();
            println!("\nstopped by {signal}");
        });
    }
    let mut server = programs::this_test(TEST);
    server.env("GORT_TEST_CHILD", "1");
    let mut server = server.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = server.stdout.take().unwrap();
    let mut told = Vec::new();
    while !told.ends_with(b"\nready\n") {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&told));
        told.push(byte[0]);
    }
    // SAFETY: the process of this test's own, which was not waited for yet.
    assert_eq!(unsafe { libc::kill(server.id() as libc::pid_t, libc::SIGTERM) }, 0);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(server.wait().unwrap().success());
    assert!(rest.contains("stopped by SIGTERM"), "{rest}");
}

#[test]
fn names() {
    assert_eq!(format!("{} {:?}", Signal::INTERRUPT, Signal::INTERRUPT), "SIGINT SIGINT");
    assert_eq!(
        format!("{:>8}|{:?}", Signal::from_raw(40), Signal::from_raw(40)),
        "signal 40|Signal(40)"
    );
    assert_eq!(Signal::from_raw(Signal::WINDOW_CHANGE.as_raw()), Signal::WINDOW_CHANGE);
}
