//! Searching one file, a piece at a time.

use crate::Job;
use crate::arguments::{Arguments, Show};
use crate::report::Finding;
use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memchr2};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// As much as GNU grep reads at a time. Whether a file is binary depends on it: a NUL is seen when the
/// piece that it is in has been read.
const PIECE: usize = 96 << 10;

pub(crate) struct Searcher {
    finder: Finder<'static>,
    ignore_case: bool,
    show: Show,
    /// The one file that was named: lines of it are printed without its path.
    alone: Option<PathBuf>,
}

impl Searcher {
    pub(crate) fn new(arguments: &Arguments) -> Searcher {
        let mut pattern = arguments.pattern.clone();
        if arguments.ignore_case {
            pattern.make_ascii_lowercase();
        }
        Searcher {
            finder: Finder::new(&pattern).into_owned(),
            ignore_case: arguments.ignore_case,
            show: arguments.show,
            alone: (!arguments.root.is_dir()).then(|| arguments.root.clone()),
        }
    }

    pub(crate) fn search(&self, job: Job) -> Finding {
        let mut finding = Finding::new(job.number, job.path);
        let searched = match job.error {
            Some(error) => Err(error),
            None => File::open(&finding.path).and_then(|file| self.search_file(file, &mut finding)),
        };
        if let Err(error) = searched {
            finding.fail(&error);
        }
        finding
    }

    fn search_file(&self, mut file: impl Read, finding: &mut Finding) -> io::Result<()> {
        let path = finding.path.clone();
        let mut scan =
            Scan { searcher: self, path: &path, finding, count: 0, line: 1, binary: false };
        let mut buffer: Vec<u8> = Vec::with_capacity(PIECE);
        loop {
            let rest = buffer.len();
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut buffer)?;
            scan.binary |= memchr(0, &buffer).is_some();
            // Up to the last whole line; the end of the file ends a line, too.
            let end = match memchr::memrchr(b'\n', &buffer[rest..]) {
                Some(newline) if read > 0 => rest + newline + 1,
                _ if read == 0 => rest,
                _ => continue,
            };
            if !scan.lines(&buffer[..end]) || read == 0 {
                break;
            }
            buffer.drain(..end);
        }
        scan.finish();
        Ok(())
    }
}

/// A file that is being searched.
struct Scan<'a> {
    searcher: &'a Searcher,
    path: &'a Path,
    finding: &'a mut Finding,
    count: u64,
    /// The number of the next line.
    line: u64,
    binary: bool,
}

impl Scan<'_> {
    /// Searches some whole lines. False: what is to be known of the file is known.
    fn lines(&mut self, text: &[u8]) -> bool {
        let folded;
        let haystack = if self.searcher.ignore_case {
            folded = text.to_ascii_lowercase();
            &folded
        } else {
            text
        };
        let mut from = 0;
        while from < text.len() {
            let Some(found) = self.searcher.finder.find(&haystack[from..]) else { break };
            let found = from + found;
            let start = self.line_start(&text[from..found]) + from;
            let end = found + self.line_len(&text[found..]);
            self.line += memchr_iter(b'\n', &text[from..start]).count() as u64;
            self.count += 1;
            if !self.matched(&text[start..end]) {
                return false;
            }
            from = end + 1;
            self.line += (text.get(end) == Some(&b'\n')) as u64;
        }
        self.line += memchr_iter(b'\n', text.get(from..).unwrap_or(&[])).count() as u64;
        true
    }

    /// In a binary file a NUL ends a line as well, as far as counting goes.
    fn line_start(&self, before: &[u8]) -> usize {
        let last = if self.binary {
            memchr::memrchr2(b'\n', 0, before)
        } else {
            memchr::memrchr(b'\n', before)
        };
        last.map_or(0, |last| last + 1)
    }

    fn line_len(&self, text: &[u8]) -> usize {
        let end = if self.binary { memchr2(b'\n', 0, text) } else { memchr(b'\n', text) };
        end.unwrap_or(text.len())
    }

    fn matched(&mut self, line: &[u8]) -> bool {
        let Show::Lines { numbered } = self.searcher.show else {
            return self.searcher.show == Show::Count;
        };
        if self.binary {
            self.finding.binary_matches();
            return false;
        }
        if std::str::from_utf8(line).is_err() {
            // Only this line is kept back.
            self.finding.binary_matches();
            return true;
        }
        let output = &mut self.finding.output;
        if self.searcher.alone.is_none() {
            output.extend_from_slice(self.path.as_os_str().as_bytes());
            output.push(b':');
        }
        if numbered {
            output.extend_from_slice(self.line.to_string().as_bytes());
            output.push(b':');
        }
        output.extend_from_slice(line);
        output.push(b'\n');
        true
    }

    fn finish(self) {
        self.finding.matches = self.count > 0;
        let output = &mut self.finding.output;
        match self.searcher.show {
            Show::Lines { .. } => {}
            Show::Count => {
                if self.searcher.alone.is_none() {
                    output.extend_from_slice(self.path.as_os_str().as_bytes());
                    output.push(b':');
                }
                output.extend_from_slice(self.count.to_string().as_bytes());
                output.push(b'\n');
            }
            Show::Path if self.count > 0 => {
                output.extend_from_slice(self.path.as_os_str().as_bytes());
                output.push(b'\n');
            }
            Show::Path => {}
        }
    }
}
