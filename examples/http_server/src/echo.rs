//! `/echo`: the request's body, sent back.
//!
//! What fits in a buffer is read whole first, so that a body that turns out to be malformed can be refused. A
//! larger one is sent back as it comes, whatever its size; then all that is left is to break off.

use crate::body::Failure;
use crate::exchange::Exchange;
use crate::status::Status;
use crate::wire::Transport;

const BUFFER: usize = 16 << 10;
/// Not the client's own type: a page elsewhere could have a browser send something here, and run what comes back.
const TYPE: &str = "application/octet-stream";

pub(crate) fn answer<T: Transport>(ex: &mut Exchange<'_, '_, T>) -> Result<(), Failure> {
    if !["Content-Length", "Transfer-Encoding"].iter().any(|name| ex.request.has(name)) {
        return Err(Status::LENGTH_REQUIRED.into());
    }
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    while filled < BUFFER {
        match ex.read(&mut buffer[filled..])? {
            0 => {
                ex.respond(Status::OK).field("Content-Type", TYPE).content(&buffer[..filled]);
                return Ok(());
            }
            read => filled += read,
        }
    }
    let length = ex.body.length().map(|left| filled as u64 + left);
    let mut stream = ex.stream(Status::OK, TYPE, length);
    while filled > 0 {
        stream.send(&buffer[..filled])?;
        filled = stream.read(&mut buffer)?;
    }
    stream.finish()?;
    Ok(())
}
