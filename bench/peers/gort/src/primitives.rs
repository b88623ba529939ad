//! gort's locks, timers and contexts.

use crate::Gort;
use gort::context::{ContextError, background, with_timeout};
use gort::sync;
use gort::time::{AfterFunc, after_func};
use std::sync::PoisonError;
use workloads::primitives::{FAR, Once, Primitives, RwLock, Semaphore, Timer, Turns};

pub struct Shared(sync::RwLock<u64>);
pub struct Permits(sync::Semaphore);
pub struct Number(sync::Mutex<u64>, sync::Condvar);
pub struct First(sync::Once);
pub struct Call(AfterFunc);
pub struct Message(gort::time::Timer);

impl Primitives for Gort {
    type RwLock = Shared;
    type Semaphore = Permits;
    type Turns = Number;
    type Once = First;
    type Call = Call;
    type Timer = Message;

    fn context() -> bool {
        let (context, cancel) = with_timeout(&background(), FAR);
        cancel.cancel();
        context.err() == Some(ContextError::Cancelled)
    }
}

impl RwLock for Shared {
    fn new() -> Self {
        Shared(sync::RwLock::new(0))
    }

    #[inline]
    fn read(&self) -> u64 {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn increment(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) += 1;
    }
}

impl Semaphore for Permits {
    fn new(permits: usize) -> Self {
        Permits(sync::Semaphore::new(permits))
    }

    #[inline]
    fn with(&self, f: impl FnOnce()) {
        let _permit = self.0.acquire(1);
        f();
    }
}

impl Turns for Number {
    fn new() -> Self {
        Number(sync::Mutex::new(0), sync::Condvar::new())
    }

    fn take(&self, odd: bool) {
        let number = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.1.wait_while(number, |number| (*number % 2 == 1) != odd);
        *number.unwrap_or_else(PoisonError::into_inner) += 1;
        self.1.notify_one();
    }
}

impl Once for First {
    fn new() -> Self {
        First(sync::Once::new())
    }

    #[inline]
    fn call(&self, f: impl FnOnce()) {
        self.0.call_once(f);
    }
}

impl Timer for Call {
    fn start() -> Self {
        Call(after_func(FAR, || ()))
    }

    fn stop(self) -> bool {
        self.0.stop()
    }
}

impl Timer for Message {
    fn start() -> Self {
        Message(gort::time::Timer::new(FAR))
    }

    fn stop(self) -> bool {
        self.0.stop()
    }
}
