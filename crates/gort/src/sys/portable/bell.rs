//! Sleeping on the word in which signals are noted, by a pipe: one may write to that in a signal handler.

use crate::sys::set_nonblocking;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst, fence};
use std::time::Duration;

static PIPE: OnceLock<(PipeReader, PipeWriter)> = OnceLock::new();

fn make() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    // When it is full the thread that sleeps has enough to read.
    set_nonblocking(&writer, true)?;
    Ok((reader, writer))
}

/// Sleeps while `*address == expected`: the one word that is slept on. Wakes up without reason at times.
pub(crate) fn wait_on_address(address: &AtomicU32, expected: u32, _timeout: Option<Duration>) {
    let (reader, _) = PIPE.get_or_init(|| make().expect("gort: no descriptors for signals"));
    // The pipe was made before, the word is looked at after: see `wake_one`.
    fence(SeqCst);
    if address.load(SeqCst) == expected {
        // However it ends, the word is looked at again.
        let _woken = (&*reader).read(&mut [0; 64]);
    }
}

/// Wakes who sleeps, after the word has been changed. May be called in a signal handler.
pub(crate) fn wake_one(_address: &AtomicU32) {
    // The word was changed before, the pipe is looked for after. If there is none yet, the thread has yet to look at the word.
    fence(SeqCst);
    if let Some((_, writer)) = PIPE.get() {
        let _full = (&*writer).write(&[0]);
    }
}
