//! Which numbers of a result are shown.

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    pub title: &'static str,
    /// What the program calls it.
    pub field: &'static str,
    /// From its unit to that of the title.
    pub scale: f64,
    pub better: Better,
}

/// Which of two is the better one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Better {
    Lower,
    Higher,
    /// It explains another row.
    Neither,
}

const fn lower(title: &'static str, field: &'static str, scale: f64) -> Metric {
    Metric { title, field, scale, better: Better::Lower }
}

const NS: Metric = lower("ns/op", "ns_per_op", 1.0);
const RSS: Metric = lower("peak RSS MiB", "rss_kib", 1.0 / 1024.0);

/// The rows of a workload. The first is the one that counts.
pub fn of(workload: &str) -> &'static [Metric] {
    match workload {
        "yield" => &[
            NS,
            Metric {
                title: "turns taken",
                field: "alternations",
                scale: 1.0,
                better: Better::Neither,
            },
        ],
        "spawn" | "skynet" => &[NS, RSS],
        "sieve" => &[lower("ms", "seconds", 1e3)],
        "fib" => &[
            lower("ns/task", "ns_per_op", 1.0),
            lower("ms", "ms", 1.0),
            Metric { title: "ms, serial", field: "serial_s", scale: 1e3, better: Better::Neither },
        ],
        "sleep" => &[
            lower("wall ms", "seconds", 1e3),
            lower("CPU ms", "cpu_s", 1e3),
            lower("late p50 us", "late_p50_us", 1.0),
            lower("late p99 us", "late_p99_us", 1.0),
        ],
        "mem" => &[
            lower("RSS bytes/task", "bytes_per_task", 1.0),
            lower("spawn+park ns/task", "ns_per_op", 1.0),
            lower("release ns/task", "release_ns_per_task", 1.0),
        ],
        "unstarted" => &[
            lower("RSS bytes/task", "bytes_per_task", 1.0),
            lower("spawn ns/task", "ns_per_op", 1.0),
        ],
        "starve" | "starve_chan" => &[
            Metric {
                title: "ticks in 3 s (600 ideal)",
                field: "ticks",
                scale: 1.0,
                better: Better::Higher,
            },
            lower("late p50 ms", "late_p50_us", 1e-3),
            lower("late p99 ms", "late_p99_us", 1e-3),
            lower("late max ms", "late_max_us", 1e-3),
        ],
        "fanout" | "fanout_cpu" => &[
            lower("p50 us (1000 ideal, 2000 = not spread)", "p50_us", 1.0),
            lower("p99 us", "p99_us", 1.0),
        ],
        "idle" => &[lower("CPU ms in 2 s idle, 1000 parked", "cpu_ms", 1.0)],
        "blocking" => &[lower("ms (50 ideal)", "ms", 1.0)],
        _ => &[NS],
    }
}
