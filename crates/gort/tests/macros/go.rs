//! What `go!` takes.

use crate::AGES;
use gort::chan::{SendError, Sender, chan};
use gort::go;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Instant;

#[gort::test]
fn go_takes_closures() {
    let (tx, rx) = chan(0);
    go!(|| {});
    go!(|| -> u8 { 1 });
    let sender = tx.clone();
    go!(move || sender.send(1));
    let sender = tx.clone();
    go!(move || -> Result<(), SendError<i32>> { sender.send(2) });
    drop(tx);
    assert_eq!(rx.iter().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn call() -> usize {
    CALLS.fetch_add(1, SeqCst)
}

mod inner {
    pub(crate) fn generic<T: Default + Into<usize>>() {
        super::CALLS.fetch_add(T::default().into() + 1, super::SeqCst);
    }
}

#[gort::test]
fn go_takes_what_can_be_called() {
    struct Worker {
        callback: fn() -> usize,
    }
    impl Worker {
        fn work() {
            call();
        }
        fn start(&self) {
            go!(Self::work);
            go!(self.callback);
        }
    }
    trait Work {
        fn work() {
            call();
        }
        fn work_as<T: Default>() {
            call();
        }
    }
    impl<T> Work for Vec<T> {}
    fn times<const N: usize, T: Default + Into<usize>>() {
        CALLS.fetch_add(N + T::default().into(), SeqCst);
    }
    let closure = || call();
    go!(Vec::<Vec<u8>>::work);
    go!(std::vec::Vec::<u8>::work_as::<u8>,);
    go!(<Vec<u8>>::work);
    go!(<Vec<u8> as Work>::work_as::<Vec<u8>>);
    go!(times::<1, u8>);
    go!(times::<{ 2 - 1 }, usize>);
    go!(call);
    go!(closure);
    go!(self::call);
    go!(crate::go::call);
    go!(inner::generic::<u8>);
    go!(inner::generic::<usize>);
    Worker { callback: call }.start();
    let (job, jobs) = ((call, [call]), [call]);
    go!(job.0);
    go!(job.1[0]);
    go!(jobs[0]);
    let workers = [Worker { callback: call }];
    go!(workers[0].callback);
    go!(::std::option::Option::<u8>::default);
    let start = Instant::now();
    while CALLS.load(SeqCst) < 18 && start.elapsed() < AGES {
        gort::yield_now();
    }
    assert_eq!(CALLS.load(SeqCst), 18);
}

#[gort::test]
fn go_takes_expressions() {
    fn worker<T>(tx: Sender<T>, value: T) -> Result<(), SendError<T>> {
        tx.send(value)
    }
    let (tx, rx) = chan(0);
    let senders = [tx.clone(), tx.clone(), tx.clone(), tx.clone()];
    let [a, b, c, d] = senders;
    go!(worker(a, 1));
    go!(worker::<u32>(b, 2));
    go!(c.send(3));
    go!(if d.send(4).is_ok() {
        d.send(5).unwrap()
    });
    go!({
        tx.send(6).unwrap();
        tx.send(7).unwrap();
    });
    assert_eq!(rx.iter().collect::<BTreeSet<_>>(), (1..=7).collect());
}
