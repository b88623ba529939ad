//! A hundred thousand selects leave no memory behind.

mod support;

use gort::chan::{after, chan};
use gort::select;
use gort::select::Select;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::*};
use std::time::Duration;

/// Counts the bytes that are in use.
struct Counting;

static IN_USE: AtomicIsize = AtomicIsize::new(0);

// SAFETY: all is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as isize, SeqCst);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as isize, SeqCst);
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Selects that are ready, time out, wait for others, or find nothing.
fn selects(rounds: usize) {
    let ((ta, ra), (tb, rb), (tc, rc)) = (chan(1), chan(0), chan::<usize>(0));
    let (nobody, _rx) = chan(0);
    gort::scope(|s| {
        s.go(|| {
            while let Some(i) = select! {
                recv(rb) -> i => i,
                send(nobody, 0) -> _ => None,
            } {
                tc.send(i).unwrap();
            }
        });
        for i in 0..rounds {
            select! {
                send(ta, i) -> result => result.unwrap(),
                recv(ra) -> _ => {}
            }
            select! {
                send(tb, i) -> result => result.unwrap(),
                after(Duration::from_secs(3600)) => {}
            }
            select! {
                recv(rc) -> back => assert_eq!(back, Some(i)),
                after(Duration::from_secs(3600)) => {}
            }
            if i % 100 == 0 {
                let timer = after(Duration::from_micros(1));
                select! { recv(timer) -> _ => {} }
                let mut dynamic = Select::new();
                dynamic.recv(&rc);
                dynamic.send(&nobody, i);
                assert!(dynamic.select_timeout(Duration::from_micros(1)).is_err());
            }
        }
        drop(tb);
        rb.close();
    });
}

#[test]
fn memory_does_not_grow() {
    support::on(1, || {
        selects(1000);
        let before = IN_USE.load(SeqCst);
        selects(33_400);
        let grown = IN_USE.load(SeqCst) - before;
        // Timers of waits that ended early are swept out when there are enough of them.
        assert!(grown < 16 * 1024, "{grown} bytes more");
    });
}
