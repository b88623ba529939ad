//! Steps with what is in `gort::sync`, and contexts.

use super::steps::Member;
use super::wait::{For, State};
use crate::world::panic_on_purpose;
use gort::sync::RwLockWriteGuard;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{PoisonError, TryLockError};
use std::time::Instant;

/// Numbers of locks: those of one kind follow those of the other.
const SHELVES: usize = 10;
const STARTS: usize = 20;

/// Undoes what was noted of somebody who holds something.
struct Undo<F: FnMut()>(F);

impl<F: FnMut()> Drop for Undo<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl Member {
    pub(super) fn sync(&mut self) {
        match self.random.below(10) {
            0 | 1 => self.lock(),
            2 => self.shelf(),
            3 => self.permits(),
            4 => self.group(),
            5 | 6 => self.bell(),
            7 => self.once(),
            8 => self.barrier(),
            _ => self.context(),
        }
    }

    fn lock(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.locks.len());
        if at < self.rank {
            return;
        }
        let lock = &things.locks[at];
        let time = self.time();
        let what = vec![For::Lock(at)];
        let guard = match self.random.below(4) {
            0 => lock.mutex.try_lock(),
            1 if self.weather.timed || self.timed => {
                let what = vec![For::Lock(at), For::Time(Instant::now() + time)];
                self.wait("lock in time", what, || lock.mutex.lock_timeout(time))
            }
            2 if !self.timed => {
                let of = self.at(things.contexts.len());
                let what = vec![For::Lock(at), For::Context(of)];
                self.wait("lock with context", what, || {
                    lock.mutex.lock_context(&things.contexts[of].0)
                })
            }
            _ if self.timed => lock.mutex.try_lock(),
            _ => Ok(self
                .wait("lock", what, || lock.mutex.lock())
                .unwrap_or_else(PoisonError::into_inner)),
        };
        let mut guard = match guard {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        assert!(!lock.held.swap(true, SeqCst), "a lock was held twice");
        let _undo = Undo(|| lock.held.store(false, SeqCst));
        *guard += 1;
        match self.random.below(5) {
            0 => {
                lock.signals.sent.fetch_add(1, SeqCst);
                if self.random.one_in(3) {
                    lock.condvar.notify_all()
                } else {
                    lock.condvar.notify_one()
                }
            }
            1 if self.rank == 0 && self.free && !self.timed => {
                let (sent, heard) =
                    (lock.signals.sent.load(SeqCst), lock.signals.heard.load(SeqCst));
                let mut what = vec![For::Condition(at, sent, heard)];
                lock.held.store(false, SeqCst);
                // Held or not, it is taken again: noted only when it is.
                guard = match self.random.below(3) {
                    0 if self.weather.timed => {
                        what.push(For::ConditionOr(at, Box::new(For::Time(Instant::now() + time))));
                        let result = self.wait("condvar in time", what, || {
                            lock.condvar.wait_timeout(guard, time)
                        });
                        let (guard, result) = result.unwrap_or_else(PoisonError::into_inner);
                        lock.signals.heard.fetch_add(usize::from(!result.timed_out()), SeqCst);
                        guard
                    }
                    1 => {
                        let of = self.at(things.contexts.len());
                        what.push(For::ConditionOr(at, Box::new(For::Context(of))));
                        let context = &things.contexts[of].0;
                        let result = self.wait("condvar with context", what, || {
                            lock.condvar.wait_context(guard, context)
                        });
                        let (guard, result) = result.unwrap_or_else(PoisonError::into_inner);
                        lock.signals.heard.fetch_add(usize::from(result.is_ok()), SeqCst);
                        guard
                    }
                    _ => {
                        let guard = self.wait("condvar", what, || lock.condvar.wait(guard));
                        lock.signals.heard.fetch_add(1, SeqCst);
                        guard.unwrap_or_else(PoisonError::into_inner)
                    }
                };
                assert!(!lock.held.swap(true, SeqCst), "a lock was held twice, after a wait");
                *guard += 1;
            }
            2 => {}
            _ => self.holding(at + 1, 2),
        }
    }

    fn shelf(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.shelves.len());
        if SHELVES + at < self.rank {
            return;
        }
        let shelf = &things.shelves[at];
        let time = self.time();
        let of = self.at(things.contexts.len());
        let context = &things.contexts[of].0;
        let way = if self.timed { 1 } else { self.random.below(4) };
        if self.random.one_in(2) {
            let mut what = vec![For::Read(at)];
            let guard = match way {
                0 => shelf.lock.try_read(),
                1 if self.weather.timed => {
                    what.push(For::Time(Instant::now() + time));
                    self.wait("read in time", what, || shelf.lock.read_timeout(time))
                }
                2 => {
                    what.push(For::Context(of));
                    self.wait("read with context", what, || shelf.lock.read_context(context))
                }
                _ if self.timed => shelf.lock.try_read(),
                _ => self.wait("read", what, || shelf.lock.read()).map_err(TryLockError::Poisoned),
            };
            let guard = match guard {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            shelf.readers.fetch_add(1, SeqCst);
            let _undo = Undo(|| _ = shelf.readers.fetch_sub(1, SeqCst));
            let before = *guard;
            assert!(!shelf.written.load(SeqCst), "read while it is written");
            self.holding(SHELVES + at + 1, 2);
            assert_eq!(before, *guard, "written while it was read");
        } else {
            let mut what = vec![For::Write(at)];
            let guard = match way {
                0 => shelf.lock.try_write(),
                1 if self.weather.timed => {
                    what.push(For::Time(Instant::now() + time));
                    self.wait("write in time", what, || shelf.lock.write_timeout(time))
                }
                2 => {
                    what.push(For::Context(of));
                    self.wait("write with context", what, || shelf.lock.write_context(context))
                }
                _ if self.timed => shelf.lock.try_write(),
                _ => {
                    self.wait("write", what, || shelf.lock.write()).map_err(TryLockError::Poisoned)
                }
            };
            let mut guard = match guard {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            assert!(!shelf.written.swap(true, SeqCst), "written twice");
            assert_eq!(shelf.readers.load(SeqCst), 0, "written while it is read");
            *guard += 1;
            {
                let _undo = Undo(|| shelf.written.store(false, SeqCst));
                self.holding(SHELVES + at + 1, 2);
            }
            if self.random.one_in(3) {
                shelf.readers.fetch_add(1, SeqCst);
                let guard = RwLockWriteGuard::downgrade(guard);
                let _undo = Undo(|| _ = shelf.readers.fetch_sub(1, SeqCst));
                let before = *guard;
                self.holding(SHELVES + at + 1, 2);
                assert_eq!(before, *guard, "written while it was read, after a downgrade");
            }
        }
    }

    fn permits(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.semaphores.len());
        let semaphore = &things.semaphores[at];
        let n = self.at(4);
        let time = self.time();
        let mut what = vec![For::Permits(at, n)];
        let way = if self.timed { 1 } else { self.random.below(4) };
        let permit = match way {
            0 => semaphore.try_acquire(n),
            1 => {
                what.push(For::Time(Instant::now() + time));
                self.wait("permits in time", what, || semaphore.acquire_timeout(n, time).ok())
            }
            2 => {
                let of = self.at(things.contexts.len());
                what.push(For::Context(of));
                let context = &things.contexts[of].0;
                self.wait("permits with context", what, || {
                    semaphore.acquire_context(n, context).ok()
                })
            }
            _ => Some(self.wait("permits", what, || semaphore.acquire(n))),
        };
        let Some(mut permit) = permit else { return };
        assert_eq!(permit.count(), n);
        let part = permit.split(self.random.below(n + 1));
        self.holding(self.rank, 2);
        match self.random.below(3) {
            0 => drop(part),
            1 => permit.merge(part.expect("it was large enough")),
            _ => {
                let count = part.expect("it was large enough").forget();
                semaphore.release(count);
            }
        }
    }

    fn group(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.groups.len());
        let (group, count) = &things.groups[at];
        if self.random.one_in(2) {
            count.fetch_add(1, SeqCst);
            group.add(1);
            let _undo = Undo(|| {
                group.done();
                count.fetch_sub(1, SeqCst);
            });
            return self.holding(self.rank, 2);
        }
        let time = self.time();
        let mut what = vec![For::Group(at)];
        if self.timed || self.weather.timed && self.random.one_in(2) {
            what.push(For::Time(Instant::now() + time));
            let _ = self.wait("group in time", what, || group.wait_timeout(time));
        } else if self.random.one_in(2) || !self.free {
            let of = self.at(things.contexts.len());
            what.push(For::Context(of));
            let _ = self
                .wait("group with context", what, || group.wait_context(&things.contexts[of].0));
        } else {
            self.wait("group", what, || group.wait());
        }
    }

    fn bell(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.bells.len());
        let bell = &things.bells[at];
        if self.random.one_in(2) {
            if self.random.one_in(5) {
                bell.notify.notify_all();
            } else {
                bell.signals.sent.fetch_add(1, SeqCst);
                bell.notify.notify_one();
            }
            return;
        }
        let time = self.time();
        let (sent, heard) = (bell.signals.sent.load(SeqCst), bell.signals.heard.load(SeqCst));
        let mut what = vec![For::Bell(at, sent, heard)];
        let way = if self.timed { 1 } else { self.random.below(4) };
        let came = match way {
            0 => bell.notify.try_wait(),
            1 => {
                what.push(For::Time(Instant::now() + time));
                self.wait("bell in time", what, || bell.notify.wait_timeout(time).is_ok())
            }
            2 => {
                let of = self.at(things.contexts.len());
                what.push(For::Context(of));
                self.wait("bell with context", what, || {
                    bell.notify.wait_context(&things.contexts[of].0).is_ok()
                })
            }
            _ => {
                self.wait("bell", what, || bell.notify.wait());
                true
            }
        };
        bell.signals.heard.fetch_add(usize::from(came), SeqCst);
    }

    fn once(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.starts.len());
        if STARTS + at < self.rank || self.timed {
            return;
        }
        let start = &things.starts[at];
        if start.once.is_completed() {
            return;
        }
        self.wait("once", vec![For::Start(at)], || {
            start.once.call_once_force(|_| {
                assert!(!start.running.swap(true, SeqCst), "two at once");
                let _undo = Undo(|| start.running.store(false, SeqCst));
                self.things.members.set(self.me, State::Runs("once"));
                let mut inner = self.within();
                inner.holding(STARTS + at + 1, 2);
                if self.weather.panics && inner.random.one_in(2) {
                    panic_on_purpose();
                }
            });
        });
    }

    fn barrier(&mut self) {
        let things = self.things.clone();
        let at = self.at(things.barriers.len());
        let barrier = &things.barriers[at].0;
        let time = self.time();
        let mut what = vec![For::Barrier(at)];
        let way = if self.timed { 1 } else { self.random.below(3) };
        match way {
            1 => {
                what.push(For::Time(Instant::now() + time));
                let _ = self.wait("barrier in time", what, || barrier.wait_timeout(time));
            }
            2 => {
                let of = self.at(things.contexts.len());
                what.push(For::Context(of));
                let _ = self.wait("barrier with context", what, || {
                    barrier.wait_context(&things.contexts[of].0)
                });
            }
            _ => _ = self.wait("barrier", what, || barrier.wait()),
        }
    }

    /// For steps inside a wait's own function.
    pub(super) fn within(&self) -> Member {
        Member {
            things: self.things.clone(),
            runtimes: self.runtimes.clone(),
            random: self.random.clone().fork(),
            ..*self
        }
    }
}
