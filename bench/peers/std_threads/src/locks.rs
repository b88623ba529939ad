//! The locks of std and of parking_lot.

use crate::Threads;
use std::sync::PoisonError;
use workloads::Mutex;
use workloads::primitives::{Missing, Once, Primitives, RwLock, Turns};

/// A library of locks.
pub trait Locks: Send + 'static {
    const NAME: &'static str;
    type Mutex: Mutex;
    type RwLock: RwLock;
    type Turns: Turns;
    type Once: Once;
}

impl<L: Locks> Primitives for Threads<L> {
    type RwLock = L::RwLock;
    type Semaphore = Missing;
    type Turns = L::Turns;
    type Once = L::Once;
    type Call = Missing;
    type Timer = Missing;
}

pub struct Std;

impl Locks for Std {
    const NAME: &'static str = "std";
    type Mutex = StdMutex;
    type RwLock = StdRwLock;
    type Turns = StdTurns;
    type Once = StdOnce;
}

pub struct ParkingLot;

impl Locks for ParkingLot {
    const NAME: &'static str = "parking_lot";
    type Mutex = LotMutex;
    type RwLock = LotRwLock;
    type Turns = LotTurns;
    type Once = LotOnce;
}

pub struct StdMutex(std::sync::Mutex<u64>);
pub struct StdRwLock(std::sync::RwLock<u64>);
pub struct StdTurns(std::sync::Mutex<u64>, std::sync::Condvar);
pub struct StdOnce(std::sync::Once);

impl Mutex for StdMutex {
    fn new() -> Self {
        StdMutex(std::sync::Mutex::new(0))
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl RwLock for StdRwLock {
    fn new() -> Self {
        StdRwLock(std::sync::RwLock::new(0))
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

impl Turns for StdTurns {
    fn new() -> Self {
        StdTurns(std::sync::Mutex::new(0), std::sync::Condvar::new())
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

impl Once for StdOnce {
    fn new() -> Self {
        StdOnce(std::sync::Once::new())
    }

    #[inline]
    fn call(&self, f: impl FnOnce()) {
        self.0.call_once(f);
    }
}

pub struct LotMutex(parking_lot::Mutex<u64>);
pub struct LotRwLock(parking_lot::RwLock<u64>);
pub struct LotTurns(parking_lot::Mutex<u64>, parking_lot::Condvar);
pub struct LotOnce(parking_lot::Once);

impl Mutex for LotMutex {
    fn new() -> Self {
        LotMutex(parking_lot::Mutex::new(0))
    }

    #[inline]
    fn with(&self, f: impl FnOnce(&mut u64)) {
        f(&mut self.0.lock());
    }
}

impl RwLock for LotRwLock {
    fn new() -> Self {
        LotRwLock(parking_lot::RwLock::new(0))
    }

    #[inline]
    fn read(&self) -> u64 {
        *self.0.read()
    }

    #[inline]
    fn increment(&self) {
        *self.0.write() += 1;
    }
}

impl Turns for LotTurns {
    fn new() -> Self {
        LotTurns(parking_lot::Mutex::new(0), parking_lot::Condvar::new())
    }

    fn take(&self, odd: bool) {
        let mut number = self.0.lock();
        while (*number % 2 == 1) != odd {
            self.1.wait(&mut number);
        }
        *number += 1;
        self.1.notify_one();
    }
}

impl Once for LotOnce {
    fn new() -> Self {
        LotOnce(parking_lot::Once::new())
    }

    #[inline]
    fn call(&self, f: impl FnOnce()) {
        self.0.call_once(f);
    }
}
