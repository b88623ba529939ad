//! The state of the machine around a run.

use crate::peers::target_dir;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use workloads::process::cpu_of_children;

/// The kernel counts in hundredths of seconds for programs, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;
/// A machine is idle if it uses less than that...
const IDLE_CPU_S: f64 = 0.03;
/// ...in that time.
const LOOK: Duration = Duration::from_millis(150);
const WAIT_FOR_IDLE: Duration = Duration::from_secs(20);
const WAIT_FOR_SPEED: Duration = Duration::from_secs(15);
/// Two CPUs that are more than so many times slower than one at its best have no full speed.
const SLOW: f64 = 1.5;

/// How many CPUs there are.
pub fn cpus() -> f64 {
    thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64)
}

/// CPU seconds since the machine was started.
#[derive(Clone, Copy, Debug)]
struct Usage {
    busy: f64,
    stolen: f64,
}

impl Usage {
    fn now() -> Usage {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<f64> =
            first.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let tick = |index: usize| ticks.get(index).copied().unwrap_or(0.0) / TICKS_PER_SECOND;
        // user, nice, system; irq and softirq; steal.
        Usage { busy: tick(0) + tick(1) + tick(2) + tick(5) + tick(6), stolen: tick(7) }
    }
}

/// Waits until nobody else uses the machine, for a while at most.
pub fn wait_until_idle() {
    let start = Instant::now();
    while start.elapsed() < WAIT_FOR_IDLE {
        let before = Usage::now().busy;
        thread::sleep(LOOK);
        if Usage::now().busy - before <= IDLE_CPU_S {
            return;
        }
    }
}

/// The date and the time of day.
pub fn now() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M"]).output();
    output.map_or(String::new(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned())
}

/// How busy the machine is, as a load average.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// Watches what is used during a run.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    usage: Usage,
    children: f64,
}

/// What was used.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub wall: f64,
    /// CPU time of other processes than ours that have ended.
    pub foreign: f64,
    pub stolen: f64,
}

impl Watch {
    pub fn start() -> Watch {
        Watch { start: Instant::now(), usage: Usage::now(), children: cpu_of_children().total() }
    }

    pub fn end(self) -> Seen {
        let usage = Usage::now();
        let ours = cpu_of_children().total() - self.children;
        Seen {
            wall: self.start.elapsed().as_secs_f64(),
            foreign: usage.busy - self.usage.busy - ours,
            stolen: usage.stolen - self.usage.stolen,
        }
    }
}

/// Looks at the CPUs between runs.
#[derive(Debug)]
pub struct Gate {
    reference_ms: String,
}

/// What it has seen.
#[derive(Clone, Copy, Debug)]
pub struct Cpus {
    /// How many times slower than the reference both were.
    pub slower: f64,
    /// How long a cache line took there and back.
    pub round_trip_ns: f64,
}

impl Cpus {
    pub fn are_slow(self) -> bool {
        self.slower > SLOW
    }
}

impl Gate {
    /// Measures how fast a CPU is at its best: when this is called, the machine should be idle.
    pub fn new() -> Result<Gate, String> {
        let reference_ms = calib(&["reference"])?.trim().to_owned();
        Ok(Gate { reference_ms })
    }

    /// Waits until both CPUs have their full speed, for a while at most.
    pub fn wait(&self) -> Result<Cpus, String> {
        let start = Instant::now();
        loop {
            let cpus = self.look()?;
            if !cpus.are_slow() || start.elapsed() > WAIT_FOR_SPEED {
                return Ok(cpus);
            }
            thread::sleep(Duration::from_millis(300));
        }
    }

    /// How they are now.
    pub fn look(&self) -> Result<Cpus, String> {
        let said = calib(&["gate", &self.reference_ms])?;
        let numbers: Vec<f64> =
            said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [slower, round_trip_ns] = numbers[..] else { return Err(format!("calib: {said}")) };
        Ok(Cpus { slower, round_trip_ns })
    }
}

fn calib(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(target_dir().join("release/calib")).args(arguments).output();
    let output = output.map_err(|error| format!("calib: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
