//! The grep example beside the system's grep, on a tree of nasty files and on this repository.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its path");
    test.ancestors().nth(2).expect("target/PROFILE/deps/TEST").join("examples/grep")
}

fn run(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).current_dir(directory).env("LC_ALL", "C.UTF-8");
    command.output().unwrap_or_else(|error| panic!("{:?}: {error}", program.as_ref()))
}

/// Lines in the bytewise order of their paths, those of a path as they came.
fn sorted_by_path(output: &[u8], has_colon: bool) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = output.split_inclusive(|&byte| byte == b'\n').collect();
    let path = |line: &[u8]| {
        let end = if has_colon { line.iter().position(|&byte| byte == b':') } else { None };
        line[..end.unwrap_or(line.len() - 1)].to_vec()
    };
    lines.sort_by_key(|line| path(line));
    lines
}

/// The example prints what grep prints: standard output, messages and exit status.
#[track_caller]
fn same(options: &[&str], pattern: &str, root: &str, directory: &Path) {
    let mine = run(example(), &[options, &["--", pattern, root]].concat(), directory);
    let theirs = run("grep", &[&["-rF"], options, &["--", pattern, root]].concat(), directory);
    let what = format!("{options:?} {pattern:?} {root}");
    let colon = !options.contains(&"-l");
    let expected = if directory.join(root).is_dir() {
        sorted_by_path(&theirs.stdout, colon)
    } else {
        theirs.stdout.split_inclusive(|&byte| byte == b'\n').collect()
    };
    let got: Vec<&[u8]> = mine.stdout.split_inclusive(|&byte| byte == b'\n').collect();
    for (got, expected) in got.iter().zip(&expected) {
        let text = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
        assert_eq!(text(got), text(expected), "{what}");
    }
    assert_eq!(got.len(), expected.len(), "{what}: lines");
    assert!(got == expected, "{what}");
    let messages = |output: &Output| {
        let mut lines: Vec<_> =
            String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(messages(&mine), messages(&theirs), "{what}");
    assert_eq!(mine.status.code(), theirs.status.code(), "{what}");
}

/// A folder that goes with its handle.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("gort-grep-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
        File::create(path).and_then(|mut file| file.write_all(content)).expect("a file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn nasty(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.file("tree/empty", b"");
    folder.file("tree/newline", b"\n");
    folder.file("tree/no-final-newline", b"one\nfoo");
    folder.file("tree/crlf", b"foo\r\nbar\r\nFoo\r\n");
    folder.file("tree/nul", b"foo\0foo\nfoo\n");
    folder.file("tree/nul-later", b"foo\nbar\0foo\nx\n");
    folder.file("tree/not-utf8", b"foo\nf\xffoo foo\nfoo\n");
    folder.file("tree/not-utf8-elsewhere", b"foo\n\xff\nfoo\n");
    folder.file("tree/.hidden/file", b"a foo\n");
    folder.file("tree/a.b", b"foo\n");
    folder.file("tree/a/b", b"foo\n");
    folder.file("tree/a-b", b"foo\n");
    folder.file("tree/name with spaces", b"foo foo\nfoofoo\n");
    folder.file("tree/caf\u{e9}", "foo caf\u{e9}\n".as_bytes());
    let mut long = vec![b'x'; 300_000];
    long.extend_from_slice(b"foo\nfoo\n");
    folder.file("tree/long-line", &long);
    let many: Vec<u8> = (0..50_000).flat_map(|n| format!("line {n} foo\n").into_bytes()).collect();
    folder.file("tree/many-lines", &many);
    symlink("crlf", folder.0.join("tree/link")).expect("a link");
    symlink("nowhere", folder.0.join("tree/dangling")).expect("a link");
    symlink("tree", folder.0.join("linked-tree")).expect("a link");
    let made = Command::new("mkfifo").arg(folder.0.join("tree/fifo")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    folder
}

#[test]
fn a_nasty_tree() {
    let folder = nasty("nasty");
    let options: [&[&str]; 9] =
        [&[], &["-n"], &["-c"], &["-l"], &["-i"], &["-in"], &["-ic"], &["-cn"], &["-il"]];
    for options in options {
        for pattern in ["foo", "line 4999", "x", "", "nothing of it", "o f", "\r"] {
            for root in ["tree", "tree/", ".", "linked-tree", "tree/crlf", "tree/nul", "tree/link"]
            {
                same(options, pattern, root, &folder.0);
            }
        }
    }
}

#[test]
fn what_cannot_be_read() {
    let folder = Folder::new("missing");
    same(&["-n"], "foo", "nowhere", &folder.0);
    // Root may read everything, so for it there is nothing to compare below.
    folder.file("tree/closed", b"foo\n");
    folder.file("tree/open", b"foo\n");
    folder.file("tree/folder/file", b"foo\n");
    let mode = |path: &str, mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder.0.join(path), fs::Permissions::from_mode(mode)).expect("chmod");
    };
    mode("tree/closed", 0o000);
    mode("tree/folder", 0o000);
    same(&["-n"], "foo", "tree", &folder.0);
    mode("tree/folder", 0o755);
}

#[test]
fn this_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository");
    for folder in ["crates", "examples", "stress", "bench/workloads", ".ci"] {
        for options in [&["-n"][..], &["-c"], &["-il"]] {
            same(options, "goroutine", folder, root);
        }
    }
}

#[test]
fn the_rust_toolchain() {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc");
    let root = String::from_utf8(output.stdout).expect("a path");
    let doc = format!("{}/share/doc/rust/html/std", root.trim());
    same(&["-n"], "unsafe", &doc, Path::new("/"));
    same(&["-c"], "coroutine", &doc, Path::new("/"));
}

#[test]
fn bad_arguments() {
    let here = Path::new(".");
    for arguments in [&["-z", "a", "."][..], &["a"], &["a", ".", "b"], &[]] {
        let output = run(example(), arguments, here);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("usage: grep"));
    }
    assert_eq!(run(example(), &["--help"], here).status.code(), Some(0));
}

/// A reader that goes away ends the search quietly.
#[test]
fn a_closed_pipe() {
    let folder = nasty("pipe");
    let mut child = Command::new(example())
        .args(["", "tree/many-lines"])
        .current_dir(&folder.0)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the example starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(2));
}
