//! may's locks.

use crate::May;
use may::sync;
use std::sync::PoisonError;
use workloads::primitives::{Missing, Primitives, RwLock, Semaphore, Turns};

pub struct Shared(sync::RwLock<u64>);
pub struct Permits(sync::Semphore);
pub struct Number(sync::Mutex<u64>, sync::Condvar);

impl Primitives for May {
    type RwLock = Shared;
    type Semaphore = Permits;
    type Turns = Number;
    type Once = Missing;
    type Call = Missing;
    type Timer = Missing;
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
        Permits(sync::Semphore::new(permits))
    }

    #[inline]
    fn with(&self, f: impl FnOnce()) {
        self.0.wait();
        f();
        self.0.post();
    }
}

impl Turns for Number {
    fn new() -> Self {
        Number(sync::Mutex::new(0), sync::Condvar::new())
    }

    fn take(&self, odd: bool) {
        let mut number = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while (*number % 2 == 1) != odd {
            number = self.1.wait(number).unwrap_or_else(PoisonError::into_inner);
        }
        *number += 1;
        self.1.notify_one();
    }
}
