//! Series of jobs in which one number grows: does what an operation costs stay the same?

use crate::jobs::Job;

/// A series.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    pub name: &'static str,
    workload: &'static str,
    /// The argument that grows, and through which numbers.
    key: &'static str,
    numbers: &'static [u64],
    /// Who takes part, and up to which number.
    peers: &'static [(&'static str, u64)],
    /// What the numbers count.
    pub of: &'static str,
    pub figures: &'static [Figure],
}

/// What is drawn of a sweep.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub title: &'static str,
    /// What the program calls it.
    pub field: &'static str,
    pub quantity: Quantity,
    /// What it shows, for the axis.
    pub about: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    Nanoseconds,
    Bytes,
}

const DECADES: &[u64] = &[100, 1000, 10_000, 100_000, 1_000_000];
/// Of connections there are fewer: each takes a descriptor of both sides, and a port.
const CONNECTIONS: &[u64] = &[1, 10, 100, 1000, 10_000];
const ARMS: &[u64] = &[2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const ANY: u64 = u64::MAX;
/// go-lib and may have a mapping or two for each stack, of which the kernel allows 65,530.
const FEW: u64 = 10_000;

const TASKS: &[(&str, u64)] = &[
    ("gort", ANY),
    ("go", ANY),
    ("go-lib", FEW),
    ("may", FEW),
    ("tokio", ANY),
    ("smol", ANY),
    ("std", 1000),
];

const NS: &str = "ns_per_op";
use Quantity::{Bytes, Nanoseconds};

/// All of them.
pub const ALL: &[Sweep] = &[
    Sweep {
        name: "spawn",
        workload: "spawn_waves",
        key: "wave",
        numbers: DECADES,
        peers: TASKS,
        of: "tasks in a wave",
        figures: &[Figure {
            title: "Spawn: waves of tasks that do nothing, each wave waited for",
            field: NS,
            quantity: Nanoseconds,
            about: "time for a task",
        }],
    },
    Sweep {
        name: "park",
        workload: "park",
        key: "wave",
        numbers: DECADES,
        peers: TASKS,
        of: "tasks in a wave",
        figures: &[Figure {
            title: "Park and release: waves of tasks that wait for a channel until it is closed",
            field: NS,
            quantity: Nanoseconds,
            about: "time for a task, with its start",
        }],
    },
    Sweep {
        name: "sleepers",
        workload: "sleep",
        key: "n",
        numbers: DECADES,
        peers: TASKS,
        of: "tasks that sleep 10 to 100 ms",
        figures: &[Figure {
            title: "Sleepers: tasks that sleep once each, for different times",
            field: "cpu_ns_per_task",
            quantity: Nanoseconds,
            about: "CPU time for a task, with its start",
        }],
    },
    Sweep {
        name: "timers",
        workload: "timer_func",
        key: "pending",
        numbers: DECADES,
        peers: &[("gort", ANY), ("go", ANY), ("tokio", ANY)],
        of: "other timers that are pending",
        figures: &[Figure {
            title: "Timers: one is started and stopped, among others",
            field: NS,
            quantity: Nanoseconds,
            about: "time for both",
        }],
    },
    Sweep {
        name: "waiters",
        workload: "waiters",
        key: "waiters",
        numbers: DECADES,
        peers: TASKS,
        of: "tasks that wait for one channel",
        figures: &[Figure {
            title: "Many waiters: tasks wait for one channel, and are sent messages",
            field: NS,
            quantity: Nanoseconds,
            about: "time for a message",
        }],
    },
    Sweep {
        name: "select",
        workload: "select_many",
        key: "arms",
        numbers: ARMS,
        peers: &[
            ("gort", ANY),
            ("go", ANY),
            ("may", ANY),
            ("tokio", ANY),
            ("smol", ANY),
            ("std", ANY),
        ],
        of: "arms of the select",
        figures: &[Figure {
            title: "Select with many arms, made at run time",
            field: NS,
            quantity: Nanoseconds,
            about: "time for a message",
        }],
    },
    Sweep {
        name: "connections",
        workload: "tcp",
        key: "conns",
        numbers: CONNECTIONS,
        peers: &[
            ("gort", ANY),
            ("go", ANY),
            ("go-lib", ANY),
            ("may", ANY),
            ("tokio", ANY),
            ("smol", ANY),
            ("std", 1000),
            ("epoll", ANY),
        ],
        of: "connections, always one message under way on each",
        figures: &[Figure {
            title: "Connections: an echo of 64 bytes, clients and server on the same two CPUs",
            field: NS,
            quantity: Nanoseconds,
            about: "time for a request and its answer, of all connections together",
        }],
    },
    Sweep {
        name: "memory",
        workload: "mem",
        key: "n",
        numbers: DECADES,
        peers: TASKS,
        of: "tasks that wait for a channel",
        figures: &[Figure {
            title: "Memory of tasks that wait",
            field: "bytes_per_task",
            quantity: Bytes,
            about: "resident memory for a task",
        }],
    },
];

/// Between the sweep's name and the number, in a job's label.
const AT: &str = " of ";

impl Sweep {
    /// How much is done in all, where that is not the number itself.
    fn work(&self, number: u64) -> Option<u64> {
        match self.workload {
            // As much as takes a tenth of a second or so.
            "spawn_waves" => Some(number.max(500_000)),
            "park" => Some(number.max(100_000)),
            "waiters" => Some(number.max(200_000)),
            "timer_func" => Some(300_000),
            "select_many" => Some((4_000_000 / number).clamp(4000, 100_000)),
            _ => None,
        }
    }

    fn job(&self, number: u64) -> Job {
        let peers: Vec<&str> =
            self.peers.iter().filter(|(_, most)| number <= *most).map(|(peer, _)| *peer).collect();
        let job = Job::new(&format!("{}{AT}{number}", self.name), self.workload, &peers);
        let job = match self.work(number) {
            Some(work) => job.n(work),
            None => job,
        };
        let job = if self.key == "n" { job.n(number) } else { job.with(self.key, number) };
        match self.workload {
            "tcp" => job.with("ms", 1000).with("warm", 200).limits(REPETITIONS, 10),
            // A start of a thread takes 50 us, one of a coroutine of may's without a stack at hand 15.
            "spawn_waves" => job.n_for("std", 20_000).n_for("may", 100_000).limits(REPETITIONS, 20),
            "park" => job.n_for("std", 20_000).limits(REPETITIONS, 20),
            _ => job.limits(REPETITIONS, 20),
        }
    }
}

/// At most so many runs of each.
const REPETITIONS: usize = 3;

/// The jobs of all sweeps, or of the smaller numbers only.
pub fn jobs(only_small: bool) -> Vec<Job> {
    let numbers = |sweep: &'static Sweep| {
        let few = if only_small { sweep.numbers.len() / 2 } else { sweep.numbers.len() };
        sweep.numbers[..few].iter().map(|number| sweep.job(*number))
    };
    ALL.iter().flat_map(numbers).collect()
}

/// The sweep, and the number, of the job with that label, if it is of one.
pub fn of(label: &str) -> Option<(&'static Sweep, u64)> {
    let (name, number) = label.split_once(AT)?;
    let sweep = ALL.iter().find(|sweep| sweep.name == name)?;
    Some((sweep, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_found_again_by_its_label() {
        for job in jobs(false) {
            assert!(of(&job.label).is_some(), "{}", job.label);
        }
        assert_eq!(
            of("waiters of 1000").map(|(sweep, n)| (sweep.name, n)),
            Some(("waiters", 1000))
        );
        assert!(of("spawn w2").is_none());
    }

    #[test]
    fn the_number_is_an_argument_and_peers_stop_where_they_must() {
        let all = jobs(false);
        let job = |label| all.iter().find(|job| job.label == label).expect(label);
        assert_eq!(
            job("spawn of 1000000").command("go").join(" "),
            "spawn_waves w=2 n=1000000 wave=1000000"
        );
        assert_eq!(job("memory of 100").command("go").join(" "), "mem w=2 n=100");
        assert!(job("park of 10000").peers.contains(&"may".to_owned()));
        assert!(!job("park of 100000").peers.contains(&"may".to_owned()));
    }
}
