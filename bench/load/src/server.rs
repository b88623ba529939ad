//! The program that is measured.

use crate::Result;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use workloads::process;

/// A server that runs; it is ended when this is dropped.
pub struct Server {
    process: Child,
    port: u16,
    /// What its CPU time is read from.
    clock: libc::clockid_t,
}

impl Server {
    /// Starts it, and waits until it listens. If it says instead that it has no such workload, passes that on
    /// and leaves.
    pub fn start(program: &str, words: &[String]) -> Result<Server> {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        // SAFETY: prctl may be called between fork and exec.
        unsafe { command.pre_exec(end_with_parent) };
        let mut process = command.spawn().map_err(|error| format!("{program}: {error}"))?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        if line.starts_with('{') {
            process.wait()?;
            process::print_and_leave(&line);
        }
        let clock = cpu_clock(process.id());
        let server = Server { process, port: line.trim().parse().unwrap_or(0), clock };
        if server.port == 0 {
            return Err(format!("the server does not say its port, but {line:?}").into());
        }
        Ok(server)
    }

    /// Where it listens, on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The CPU time that it has used, in user mode and in the kernel.
    pub fn cpu(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` may be written to. The clock is there until the process has been waited for.
        unsafe { libc::clock_gettime(self.clock, &raw mut time) };
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// The memory that it has in use.
    pub fn rss_kib(&self) -> u64 {
        process::rss_kib_of(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.process.kill();
        // When it has been waited for, what it used counts as this process's children's.
        let _ = self.process.wait();
    }
}

/// So that no server is left when this process is killed.
fn end_with_parent() -> std::io::Result<()> {
    // SAFETY: it takes a signal's number and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    Ok(())
}

fn cpu_clock(pid: u32) -> libc::clockid_t {
    let mut clock = 0;
    // SAFETY: `clock` may be written to. The call does not fail for a child that has not been waited for.
    unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) };
    clock
}
