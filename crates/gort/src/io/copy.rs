//! Copying through a buffer.

use std::io::{self, Read, Write};

/// So much is read at a time.
const BUFFER: usize = 64 << 10;

/// Copies everything from one to the other, up to the end of what is read; returns how many bytes that were. Like
/// [`std::io::copy`], which works as well, and has a buffer of 8 KiB on the stack where this has 64 KiB elsewhere; from socket to
/// socket this takes a fifth less CPU time (`cargo bench -p gort --bench copy`).
///
/// It parks whenever one of the two does. Between sockets, pipes and files [`splice`](super::splice()) does the same with less.
///
/// ```
/// # gort::run(|| {
/// let (mut reader, mut writer) = gort::io::pipe()?;
/// let copier = gort::spawn(move || {
///     let mut all = Vec::new();
///     gort::io::copy(&mut reader, &mut all).map(|_| all)
/// });
/// gort::io::copy(&mut &b"what there is"[..], &mut writer)?;
/// drop(writer);
/// assert_eq!(copier.join().unwrap()?, b"what there is");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
/// Those of reading and writing. What was read and could not be written is lost.
pub fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: Read + ?Sized,
    W: Write + ?Sized,
{
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                writer.write_all(&buffer[..count])?;
                copied += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
