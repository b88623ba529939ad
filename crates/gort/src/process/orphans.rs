//! Children that nobody waits for any more.

use std::process::Child;
use std::sync::{Mutex, PoisonError};

static ORPHANS: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Takes over a child that its parent has dropped.
pub(super) fn add(child: Child) {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.push(child);
    forget_ended(&mut orphans);
}

/// Waits for those that have ended, so that nothing is left of them.
pub(super) fn reap() {
    forget_ended(&mut ORPHANS.lock().unwrap_or_else(PoisonError::into_inner));
}

fn forget_ended(orphans: &mut Vec<Child>) {
    // One that cannot be waited for is not there.
    orphans.retain_mut(|orphan| matches!(orphan.try_wait(), Ok(None)));
}
