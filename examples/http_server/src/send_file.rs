//! Answers with a file: all of it, a part, or that the client has it already.

use crate::body::Failure;
use crate::conditions::{self, Verdict};
use crate::document::{Content, Document};
use crate::exchange::Exchange;
use crate::files::{Files, Found};
use crate::range::Part;
use crate::status::Status;
use crate::target::Target;
use crate::wire::{PIECE, Transport};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

pub(crate) fn answer<T: Transport>(
    ex: &mut Exchange<'_, '_, T>,
    target: &Target<'_>,
    files: &Files,
) -> Result<(), Failure> {
    let path = match target.file() {
        Err(Status::NOT_FOUND) => {
            ex.answer(Status::NOT_FOUND);
            return Ok(());
        }
        path => path?,
    };
    match files.find(&path) {
        Ok(Found::Kept(kept)) => return send(ex, kept.document()),
        Ok(Found::Large(document)) => return send(ex, &document),
        Ok(Found::Folder) => {
            let location = format!("{}/", target.path);
            ex.respond(Status::MOVED_PERMANENTLY).field("Location", location).content("");
        }
        Ok(Found::Nothing) => ex.answer(Status::NOT_FOUND),
        Err(error) => ex.answer(match Errno::from_io_error(&error) {
            // Too many files are open: it will pass.
            Some(Errno::MFILE | Errno::NFILE) => Status::SERVICE_UNAVAILABLE,
            _ => Status::INTERNAL_SERVER_ERROR,
        }),
    }
    Ok(())
}

fn send<T: Transport>(ex: &mut Exchange<'_, '_, T>, document: &Document) -> Result<(), Failure> {
    match conditions::check(ex.request, &document.version) {
        Verdict::Proceed => {}
        Verdict::NotModified => {
            ex.respond(Status::NOT_MODIFIED).fields(&document.fields).end();
            return Ok(());
        }
        Verdict::Failed => {
            ex.answer(Status::PRECONDITION_FAILED);
            return Ok(());
        }
    }
    let length = document.length;
    let part = match ex.request.field("Range") {
        Some(range) if !ex.is_head() && conditions::range_is_of(ex.request, &document.version) => {
            Part::of(range, length)
        }
        _ => Part::Whole,
    };
    let (status, bytes) = match part {
        Part::Whole => (Status::OK, 0..length),
        Part::Bytes(bytes) => (Status::PARTIAL_CONTENT, bytes),
        Part::Nothing => {
            let mut head = ex.respond(Status::RANGE_NOT_SATISFIABLE);
            head.field("Content-Range", format_args!("bytes */{length}")).content("");
            return Ok(());
        }
    };
    let bodiless = ex.is_head();
    let mut head = ex.respond(status);
    head.fields(&document.fields);
    if status == Status::PARTIAL_CONTENT {
        let (first, last) = (bytes.start, bytes.end - 1);
        head.field("Content-Range", format_args!("bytes {first}-{last}/{length}"));
    }
    match &document.content {
        Content::Whole(whole) => {
            head.content(&whole[bytes.start as usize..bytes.end as usize]);
            Ok(())
        }
        Content::File(file) => {
            head.length(bytes.end - bytes.start);
            if bodiless { Ok(()) } else { send_part(ex, file, bytes) }
        }
    }
}

/// Sends a part of a file, a piece at a time. A file that has become shorter cannot be sent as promised:
/// the connection breaks off.
fn send_part<T: Transport>(
    ex: &mut Exchange<'_, '_, T>,
    file: &File,
    mut bytes: Range<u64>,
) -> Result<(), Failure> {
    let mut piece = vec![0; PIECE];
    while !bytes.is_empty() {
        let wanted = piece.len().min((bytes.end - bytes.start) as usize);
        let read = gort::blocking(|| file.read_at(&mut piece[..wanted], bytes.start))?;
        if read == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        ex.send(&piece[..read])?;
        bytes.start += read as u64;
    }
    Ok(())
}
