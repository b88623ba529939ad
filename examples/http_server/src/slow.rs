//! `/slow?lines=N&ms=M`: N lines, each M milliseconds after the one before.

use crate::body::Failure;
use crate::exchange::Exchange;
use crate::status::Status;
use crate::target::Target;
use crate::wire::Transport;
use std::time::Duration;

const LINES: u64 = 10;
const PAUSE_MS: u64 = 100;
/// A response takes no longer than this.
const LONGEST: Duration = Duration::from_secs(3600);

pub(crate) fn answer<T: Transport>(
    ex: &mut Exchange<'_, '_, T>,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let lines = target.number("lines")?.unwrap_or(LINES);
    let pause = target.number("ms")?.unwrap_or(PAUSE_MS);
    let takes = lines.saturating_mul(pause.saturating_add(1));
    if takes > LONGEST.as_millis() as u64 {
        return Err(Status::BAD_REQUEST.into());
    }
    let mut stream = ex.stream(Status::OK, "text/plain", None);
    if !stream.is_bodiless() {
        for line in 1..=lines {
            stream.send(format!("line {line} of {lines}\n").as_bytes())?;
            stream.flush()?;
            if line < lines {
                gort::sleep(Duration::from_millis(pause));
            }
        }
    }
    stream.finish()?;
    Ok(())
}
