//! The command line.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: grep [-ciln] PATTERN DIR
  searches the files below DIR, or the file DIR, for the literal PATTERN
  -c  print only how many lines match, for each file
  -i  make no difference between upper and lower case (ASCII)
  -l  print only the paths of files that match
  -n  print line numbers
  -h, --help  this text";

/// What to print of a file that matches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    Lines { numbered: bool },
    Count,
    Path,
}

pub(crate) struct Arguments {
    pub(crate) pattern: Vec<u8>,
    pub(crate) root: PathBuf,
    pub ignore_case: bool,
    pub(crate) show: Show,
}

impl Arguments {
    /// `None`: help was asked for.
    pub(crate) fn parse(
        words: impl Iterator<Item = OsString>,
    ) -> Result<Option<Arguments>, String> {
        let (mut count, mut paths, mut numbered, mut ignore_case) = (false, false, false, false);
        let mut operands = Vec::new();
        let mut options_end = false;
        for word in words {
            let text = word.to_str().unwrap_or("");
            if options_end || !text.starts_with('-') || text == "-" {
                operands.push(word);
                continue;
            }
            match text {
                "--" => options_end = true,
                "--help" | "-h" => return Ok(None),
                _ => {
                    for letter in text[1..].chars() {
                        match letter {
                            'c' => count = true,
                            'i' => ignore_case = true,
                            'l' => paths = true,
                            'n' => numbered = true,
                            _ => return Err(format!("unknown option -- '{letter}'")),
                        }
                    }
                }
            }
        }
        let [pattern, root]: [OsString; 2] = operands
            .try_into()
            .map_err(|given: Vec<_>| format!("two operands are needed, not {}", given.len()))?;
        let pattern = pattern.into_vec();
        if pattern.contains(&b'\n') {
            return Err("a pattern of several lines is not supported".into());
        }
        let show = match (paths, count) {
            (true, _) => Show::Path,
            (_, true) => Show::Count,
            _ => Show::Lines { numbered },
        };
        Ok(Some(Arguments { pattern, root: root.into(), ignore_case, show }))
    }
}
