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

const fn higher(title: &'static str, field: &'static str, scale: f64) -> Metric {
    Metric { title, field, scale, better: Better::Higher }
}

const fn neither(title: &'static str, field: &'static str, scale: f64) -> Metric {
    Metric { title, field, scale, better: Better::Neither }
}

const NS: Metric = lower("ns/op", "ns_per_op", 1.0);

const YIELD: &[Metric] = &[NS, neither("turns taken", "alternations", 1.0)];

const SPAWN: &[Metric] = &[NS, lower("peak RSS MiB", "rss_kib", 1.0 / 1024.0)];

const SIEVE: &[Metric] = &[lower("ms", "seconds", 1e3)];

const FIB: &[Metric] = &[
    lower("ns/task", "ns_per_op", 1.0),
    lower("ms", "ms", 1.0),
    neither("ms, serial", "serial_s", 1e3),
];

const SLEEP: &[Metric] = &[
    lower("wall ms", "seconds", 1e3),
    lower("CPU ms", "cpu_s", 1e3),
    lower("late p50 us", "late_p50_us", 1.0),
    lower("late p99 us", "late_p99_us", 1.0),
];

const MEM: &[Metric] = &[
    lower("RSS bytes/task", "bytes_per_task", 1.0),
    lower("spawn+park ns/task", "ns_per_op", 1.0),
    lower("release ns/task", "release_ns_per_task", 1.0),
];

const UNSTARTED: &[Metric] =
    &[lower("RSS bytes/task", "bytes_per_task", 1.0), lower("spawn ns/task", "ns_per_op", 1.0)];

const STARVE: &[Metric] = &[
    higher("ticks in 3 s (600 ideal)", "ticks", 1.0),
    lower("late p50 ms", "late_p50_us", 1e-3),
    lower("late p99 ms", "late_p99_us", 1e-3),
    lower("late max ms", "late_max_us", 1e-3),
    higher("work of the busy, rounds/us", "hogs_rounds_per_us", 1.0),
];

const CROWD: &[Metric] = &[
    lower("first turn of a newcomer, p99 ms", "late_p99_us", 1e-3),
    lower("p50 ms", "late_p50_us", 1e-3),
    higher("busy ones that had a turn, of 1000", "had_turn", 1.0),
    lower("threads", "threads", 1.0),
];

const FANOUT: &[Metric] = &[
    lower("p50 us (1000 ideal, 2000 = not spread)", "p50_us", 1.0),
    lower("p99 us", "p99_us", 1.0),
];

const IDLE: &[Metric] = &[lower("CPU ms in 2 s idle, 1000 parked", "cpu_ms", 1.0)];

const BLOCKING: &[Metric] = &[lower("ms (50 ideal)", "ms", 1.0)];

const WAKE: &[Metric] = &[
    lower("p50 us", "late_p50_us", 1.0),
    lower("p99 us", "late_p99_us", 1.0),
    lower("max us", "late_max_us", 1.0),
];

const BURST: &[Metric] = &[
    lower("ms (50 ideal)", "ms", 1.0),
    lower("worst ms", "max_ms", 1.0),
    lower("second thread begins after us", "second_us", 1.0),
    lower("work of the busiest thread, % (50 ideal)", "busiest_percent", 1.0),
];

const SKEW: &[Metric] = &[
    lower("ms (32 ideal)", "ms", 1.0),
    lower("worst ms", "max_ms", 1.0),
    lower("second thread begins after us", "second_us", 1.0),
    lower("work of the busiest thread, % (50 ideal)", "busiest_percent", 1.0),
];

const CALM: &[Metric] =
    &[lower("CPU us of a burst and 20 ms of rest, beyond the work", "cpu_us", 1.0)];

const TCP: &[Metric] = &[
    higher("requests/s", "rate", 1.0),
    lower("p50 us", "p50_us", 1.0),
    lower("p99 us", "p99_us", 1.0),
    lower("p99.9 us", "p999_us", 1.0),
    lower("server CPU us/request", "server_cpu_us", 1.0),
    lower("connections without an answer for 1 s", "stuck", 1.0),
];

const TCP_IDLE: &[Metric] = &[
    lower("RSS bytes/connection", "bytes_per_connection", 1.0),
    lower("connect and first answer, us", "ns_per_op", 1e-3),
];

const HELLO: &[Metric] = &[
    lower("release build, from nothing, s", "cold_release_s", 1.0),
    lower("release build, after an edit, s", "warm_release_s", 1.0),
    lower("debug build, from nothing, s", "cold_debug_s", 1.0),
    lower("debug build, after an edit, s", "warm_debug_s", 1.0),
    lower("release program, stripped, KiB", "bytes", 1.0 / 1024.0),
    lower("crates besides its own", "crates", 1.0),
];

const OTHER: &[Metric] = &[NS];

/// The rows of a workload. The first is the one that counts.
pub fn of(workload: &str) -> &'static [Metric] {
    match workload {
        "yield" => YIELD,
        "spawn" | "skynet" => SPAWN,
        "sieve" => SIEVE,
        "fib" => FIB,
        "sleep" => SLEEP,
        "mem" => MEM,
        "unstarted" => UNSTARTED,
        "starve" | "starve_chan" => STARVE,
        "crowd" => CROWD,
        "fanout" | "fanout_cpu" => FANOUT,
        "idle" => IDLE,
        "blocking" => BLOCKING,
        "wake" => WAKE,
        "burst" => BURST,
        "skew" => SKEW,
        "calm" => CALM,
        "hello" => HELLO,
        "tcp" => TCP,
        "tcp_idle" => TCP_IDLE,
        _ => OTHER,
    }
}
