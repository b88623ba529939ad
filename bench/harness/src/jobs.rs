//! What is run: workloads with their sizes, by whom, how often, for how long.

use crate::Result;
use std::time::Duration;

/// A row, or a few, of the table.
#[derive(Clone, Debug)]
pub struct Job {
    pub label: String,
    pub workload: &'static str,
    workers: u64,
    /// How much; `None` for the workload's own size.
    n: Option<u64>,
    /// How much for peers that cannot do as much, or not in that time.
    n_for: Vec<(&'static str, u64)>,
    /// Whatever else there is.
    more: Vec<(&'static str, u64)>,
    pub peers: Vec<String>,
    /// At most so many runs.
    pub repetitions: usize,
    pub timeout: Duration,
}

/// All that have a scheduler.
const MAIN: [&str; 7] = ["gort", "go", "go-lib", "may", "tokio", "smol", "std"];
/// Those that can have many tasks.
const MANY: [&str; 6] = ["gort", "go", "go-lib", "may", "tokio", "smol"];

impl Job {
    pub fn new(label: &str, workload: &'static str, peers: &[&str]) -> Job {
        Job {
            label: label.into(),
            workload,
            workers: 2,
            n: None,
            n_for: Vec::new(),
            more: Vec::new(),
            peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
            repetitions: 5,
            timeout: Duration::from_secs(20),
        }
    }

    /// Labelled by the workload and the number of workers.
    fn on(workers: u64, workload: &'static str, peers: &[&str]) -> Job {
        Job { workers, ..Job::new(&format!("{workload} w{workers}"), workload, peers) }
    }

    pub fn named(self, label: &str) -> Job {
        Job { label: label.into(), ..self }
    }

    pub fn n(self, n: u64) -> Job {
        Job { n: Some(n), ..self }
    }

    pub fn n_for(mut self, peer: &'static str, n: u64) -> Job {
        self.n_for.push((peer, n));
        self
    }

    fn also_by(mut self, peer: &str) -> Job {
        self.peers.push(peer.into());
        self
    }

    pub fn with(mut self, key: &'static str, number: u64) -> Job {
        self.more.push((key, number));
        self
    }

    pub fn limits(self, repetitions: usize, seconds: u64) -> Job {
        Job { repetitions, timeout: Duration::from_secs(seconds), ..self }
    }

    /// The arguments of the program: `WORKLOAD key=number ..`.
    pub fn command(&self, peer: &str) -> Vec<String> {
        let special = self.n_for.iter().find(|(name, _)| *name == peer).map(|(_, n)| *n);
        let mut words = vec![self.workload.to_owned(), format!("w={}", self.workers)];
        words.extend(special.or(self.n).map(|n| format!("n={n}")));
        words.extend(self.more.iter().map(|(key, number)| format!("{key}={number}")));
        words
    }

    /// The same with so little work that it takes some milliseconds.
    fn quick(self) -> Job {
        let (n, more): (u64, &[(&str, u64)]) = match self.workload {
            "mutex" | "sleep" | "mem" | "unstarted" => (2000, &[]),
            "skynet" => (10_000, &[]),
            "sieve" => (300, &[]),
            "fib" => (22, &[]),
            "fanout" | "fanout_cpu" => (20, &[]),
            "blocking" => (4, &[]),
            "wake" | "calm" => (5, &[]),
            "burst" | "skew" => (2, &[("us", 1)]),
            "idle" | "starve" | "starve_chan" => (1, &[("ms", 300)]),
            "crowd" => (1, &[("ms", 300), ("hogs", 20)]),
            "tcp" => (1, &[("ms", 200), ("warm", 50)]),
            "tcp_idle" => (1, &[("conns", 100)]),
            _ => (20_000, &[]),
        };
        let slower = self.n_for.iter().map(|(peer, its)| (*peer, n.min(*its).min(2000))).collect();
        let mut kept = self.more;
        kept.retain(|(key, _)| more.iter().all(|(other, _)| other != key));
        kept.extend(more);
        Job { n: Some(n), n_for: slower, more: kept, ..self }.limits(1, 10)
    }
}

/// Every job, in the order of the table.
pub fn all() -> Vec<Job> {
    let mut jobs = vec![
        Job::on(1, "switch", &["gort", "corosensei"]).named("switch"),
        Job::on(1, "coro_spawn", &["gort", "corosensei"]).named("coro_spawn"),
        Job::on(1, "yield", &MAIN).n_for("std", 200_000),
    ];
    for workers in [2, 1] {
        jobs.extend(on_workers(workers));
    }
    jobs.extend([
        Job::on(2, "chan_buf_unb", &["may"]),
        Job::on(2, "mpmc_unb", &["may"]),
        Job::on(2, "mutex", &MAIN).named("mutex_1M w2").n(1_000_000).limits(3, 12),
    ]);
    jobs.extend(primitives());
    jobs.extend(time_and_memory());
    jobs.extend(network());
    jobs
}

/// An echo of 64 bytes on so many connections. Pinned: the server has one CPU and the clients the other.
fn network() -> Vec<Job> {
    let tcp = |label: &str, connections| {
        let job = Job::new(label, "tcp", &MAIN).also_by("epoll").with("conns", connections);
        if label.ends_with(" pinned") { Job { workers: 1, ..job }.with("pin", 1) } else { job }
    };
    let idle = |label| Job::new(label, "tcp_idle", &MAIN).with("conns", 10_000).limits(3, 30);
    vec![
        tcp("tcp1 pinned", 1),
        tcp("tcp64 pinned", 64),
        tcp("tcp64", 64),
        tcp("tcp1000 pinned", 1000),
        tcp("tcp1000", 1000),
        idle("tcp_idle_4k"),
        idle("tcp_idle_1k").with("buffer", 1024),
    ]
}

/// Locks and the like, timers, contexts.
fn primitives() -> Vec<Job> {
    let lot = |job: Job| job.also_by("parking_lot");
    let one = |workload, peers: &[&str]| Job::on(1, workload, peers).named(workload);
    let mut jobs = vec![lot(one("mutex_alone", &MAIN))];
    for workers in [2, 1] {
        let on = |workload, peers: &[&str]| Job::on(workers, workload, peers);
        jobs.extend([
            lot(on("rwlock", &["gort", "go", "may", "tokio", "std"])),
            lot(on("condvar", &["gort", "go", "may", "tokio", "std"])),
            on("semaphore", &["gort", "go", "may", "tokio"]),
            on("waitgroup", &MAIN).n_for("std", 20_000),
        ]);
    }
    jobs.extend([
        lot(Job::on(2, "once", &["gort", "go", "tokio", "std"]).named("once")),
        one("timer_func", &["gort", "go", "tokio"]),
        one("timer_chan", &["gort", "go"]),
        one("context", &["gort", "go"]),
    ]);
    jobs
}

/// What is run on two workers and on one.
fn on_workers(workers: u64) -> Vec<Job> {
    let on = |workload, peers: &[&str]| Job::on(workers, workload, peers);
    let named = |name: &str| format!("{name} w{workers}");
    let mut jobs = vec![on("spawn", &MAIN).n_for("std", 20_000)];
    if workers == 2 {
        // As many as go-lib and may can have at a time.
        let few = on("spawn", &MAIN).named(&named("spawn_30k")).n(30_000);
        jobs.push(few.n_for("std", 20_000));
    }
    jobs.extend([
        on("spawn_waves", &MAIN).n_for("std", 20_000),
        on("pingpong", &MAIN).n_for("std", 50_000),
        on("chan_buf", &MAIN),
        on("mpmc", &MAIN),
        on("ring", &MAIN).n_for("std", 100_000),
        on("skynet", &MANY).limits(5, 15),
        on("skynet", &MANY).named(&named("skynet_10k")).n(10_000),
        on("sieve", &MANY),
        on("select", &MAIN).n_for("std", 100_000),
        on("select_buf", &MAIN),
        on("mutex", &MAIN),
        on("fib", &MANY).also_by("may+pool20k"),
    ]);
    jobs
}

/// Tasks that are all started by one, of so many pieces of so many microseconds.
fn spread(name: &'static str, tasks: u64, pieces: u64, us: u64) -> Job {
    let job = Job::new(name, name, &["gort", "go", "go-lib", "may"]);
    job.n(20).with("tasks", tasks).with("pieces", pieces).with("us", us)
}

fn time_and_memory() -> Vec<Job> {
    let mem = |name, n, peers: &[&str]| Job::new(name, "mem", peers).n(n);
    vec![
        Job::new("sleep_100k", "sleep", &MANY).n(100_000).limits(5, 15),
        Job::new("sleep_10k", "sleep", &MAIN).n(10_000),
        mem("mem_10k", 10_000, &MAIN).limits(3, 20),
        mem("mem_30k", 30_000, &MANY).limits(3, 20),
        mem("mem_100k", 100_000, &MANY).limits(3, 15),
        mem("mem_1M", 1_000_000, &MANY).limits(2, 25),
        // Go and go-lib preempt whoever starts tasks for 10 ms, may has a mapping for each.
        Job::on(1, "unstarted", &MANY)
            .named("unstarted_1M")
            .n(1_000_000)
            .n_for("go", 2000)
            .n_for("go-lib", 500)
            .n_for("may", 10_000)
            .limits(3, 20),
        Job::new("starve", "starve", &MAIN).limits(3, 20),
        Job::new("starve_chan", "starve_chan", &MAIN).limits(3, 20),
        Job::on(2, "crowd", &["gort", "go", "std"]).named("crowd").limits(3, 30),
        Job::new("wake", "wake", &MAIN),
        spread("burst", 1000, 1, 100),
        spread("skew", 64, 50, 20),
        Job::new("calm", "calm", &["gort", "go", "go-lib", "may", "std"]),
        Job::new("blocking", "blocking", &MAIN),
        Job::on(2, "blocking", &["gort", "go-lib", "may", "std"])
            .named("blocking_raw")
            .with("raw", 1),
        Job::new("fanout", "fanout", &MAIN),
        Job::new("fanout_cpu", "fanout_cpu", &MAIN),
        Job::new("idle", "idle", &MAIN).limits(3, 20),
    ]
}

/// Those of the jobs whose label contains one of `parts`; all for none. Peers that were `added` take part
/// where all others with a scheduler do.
pub fn choose(
    mut jobs: Vec<Job>,
    parts: &[String],
    added: &[&str],
    quick: bool,
) -> Result<Vec<Job>> {
    jobs.retain(|job| parts.is_empty() || parts.iter().any(|part| job.label.contains(part)));
    if jobs.is_empty() {
        return Err("no job is called that; see `harness list`".into());
    }
    if quick {
        jobs = jobs.into_iter().map(Job::quick).collect();
    }
    for job in jobs.iter_mut().filter(|job| job.peers.iter().any(|peer| peer == "go")) {
        job.peers.extend(added.iter().map(|name| (*name).to_owned()));
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn labels_are_unique() {
        let labels: Vec<String> = all().into_iter().map(|job| job.label).collect();
        let different: HashSet<&String> = labels.iter().collect();
        assert_eq!(different.len(), labels.len());
    }

    #[test]
    fn sizes_depend_on_the_peer() {
        let jobs = choose(all(), &["unstarted".into()], &["mine"], false).expect("there is one");
        assert_eq!(jobs[0].command("gort"), ["unstarted", "w=1", "n=1000000"]);
        assert_eq!(jobs[0].command("go"), ["unstarted", "w=1", "n=2000"]);
        assert!(jobs[0].peers.contains(&"mine".to_owned()));
        let jobs = choose(all(), &["unstarted".into()], &[], true).expect("there is one");
        assert_eq!(jobs[0].command("go-lib"), ["unstarted", "w=1", "n=500"]);
        assert!(choose(all(), &["udp".into()], &[], false).is_err());
    }

    #[test]
    fn a_quick_job_is_the_same_with_less_work() {
        let jobs = choose(all(), &["tcp".into()], &[], true).expect("there are some");
        let command = |label| jobs.iter().find(|job| job.label == label).map(|job| job.command(""));
        let pinned = command("tcp64 pinned").expect("it is one of them").join(" ");
        assert_eq!(pinned, "tcp w=1 n=1 conns=64 pin=1 ms=200 warm=50");
        let idle = command("tcp_idle_1k").expect("it is one of them").join(" ");
        assert_eq!(idle, "tcp_idle w=2 n=1 buffer=1024 conns=100");
    }
}
