//! Closures and results of any size and alignment.

use crate::support::{LIMIT, within};
use gort::chan::chan;
use std::mem::size_of_val;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

fn spawn_sized<const N: usize>() {
    let data = std::array::from_fn::<u8, N, _>(|i| i as u8);
    let closure = move || data;
    assert_eq!(size_of_val(&closure), N);
    assert_eq!(gort::spawn(closure).join().unwrap(), data);
    let seen = Arc::new(AtomicUsize::new(0));
    let (done, wait) = chan::<()>(0);
    let sum: usize = data.iter().map(|&b| usize::from(b)).sum();
    let counter = seen.clone();
    gort::go!(move || {
        let _done = done;
        counter.fetch_add(data.iter().map(|&b| usize::from(b)).sum(), SeqCst);
    });
    assert_eq!(wait.recv(), None);
    assert_eq!(seen.load(SeqCst), sum);
}

#[test]
fn closures_and_results_have_any_size() {
    within(LIMIT, || {
        spawn_sized::<0>();
        spawn_sized::<1>();
        spawn_sized::<31>();
        spawn_sized::<39>();
        spawn_sized::<40>();
        spawn_sized::<41>();
        spawn_sized::<47>();
        spawn_sized::<48>();
        spawn_sized::<49>();
        spawn_sized::<56>();
        spawn_sized::<1000>();
        spawn_sized::<8000>();
    });
}

macro_rules! aligned {
    ($($align:literal)*) => {$({
        #[derive(Clone, Copy, PartialEq, Debug)]
        #[repr(align($align))]
        struct Aligned(u32);
        let value = Aligned($align);
        let back = gort::spawn(move || {
            assert_eq!((&raw const value).addr() % $align, 0);
            gort::yield_now();
            assert_eq!((&raw const value).addr() % $align, 0);
            value
        });
        assert_eq!(back.join().unwrap(), value);
        #[repr(align($align))]
        struct Nothing;
        let nothing = Nothing;
        let back = gort::spawn(move || nothing).join().unwrap();
        assert_eq!((&raw const back).addr() % $align, 0);
    })*};
}

#[test]
fn closures_and_results_have_any_alignment() {
    within(LIMIT, || {
        aligned!(2 8 16 32 64 128 256 4096);
    });
}

#[test]
fn functions_and_values_of_no_size() {
    fn function() {}
    static CALLS: AtomicU32 = AtomicU32::new(0);
    gort::spawn(function).join().unwrap();
    gort::spawn(|| CALLS.fetch_add(1, SeqCst)).join().unwrap();
    gort::spawn(|| CALLS.fetch_add(1, SeqCst)).join().unwrap();
    assert_eq!(CALLS.load(SeqCst), 2);
    enum Never {}
    let handle = gort::spawn(|| -> Never { std::panic::resume_unwind(Box::new(())) });
    assert!(handle.join().is_err());
}
