//! System calls, as strace shows them.

use crate::calls::Calls;
use crate::child;
use crate::paths::Path;

/// The system calls that a process makes for `n` operations.
pub(crate) fn count(path: &Path, n: usize) -> Result<Calls, String> {
    // A look at the clock is one only with the clock of these processes.
    let arguments = ["--follow-forks", "--quiet=all", "--signal=none", "--trace=!clock_gettime"];
    let said = child::run("strace", &arguments, path, n)?;
    let mut calls = Calls::default();
    said.lines().filter_map(name).for_each(|name| calls.add(name, 1.0));
    Ok(calls)
}

/// The name of the call that begins in a line; that of what it does, if it does one thing or another.
fn name(line: &str) -> Option<&str> {
    let call = match line.strip_prefix("[pid ") {
        Some(rest) => rest.split_once("] ")?.1,
        None => line,
    };
    // A call that others came in between of has a second line.
    let (name, arguments) = call.split_once('(').filter(|_| !call.starts_with("<... "))?;
    if name == "epoll_ctl" { arguments.split(", ").nth(1) } else { Some(name) }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn names() {
        for (line, is) in [
            ("write(5, \"(\\0\", 8) = 8", Some("write")),
            ("[pid   812] recvfrom(9, \"] \", 64, 0, NULL, NULL) = 2", Some("recvfrom")),
            ("[pid 81] epoll_ctl(4, EPOLL_CTL_DEL, 10, NULL) = 0", Some("EPOLL_CTL_DEL")),
            ("epoll_wait(3,  <unfinished ...>", Some("epoll_wait")),
            ("[pid 812] <... epoll_wait resumed>[{events=EPOLLIN}], 192, -1) = 1", None),
            ("", None),
        ] {
            assert_eq!(name(line), is, "{line}");
        }
    }
}
