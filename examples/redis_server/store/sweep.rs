//! Removing what has expired, though nobody asks for it.

use super::Store;
use gort::chan::Receiver;
use gort::select;
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(100);
/// Keys that are removed under one lock: who waits for it should not notice.
const BATCH: usize = 64;

/// Goes round the shards until `stop` is closed.
pub(crate) fn sweep(store: &Store, stop: &Receiver<()>) {
    let ticks = gort::chan::tick(EVERY);
    loop {
        select! {
            recv(stop) => return,
            recv(ticks) => {}
        }
        for shard in &store.shards {
            while sweep_some(shard) {
                gort::yield_now();
            }
        }
    }
}

/// True: there is more to do.
fn sweep_some(shard: &super::Shard) -> bool {
    let expired = shard.lock().remove_expired(BATCH);
    expired.len() == BATCH
}
