//! What gort is to reach on the reference machine (two CPUs of an AMD EPYC, near to each other).

use crate::metrics::Metric;

/// A bound for a row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Not worse than that peer, give or take so much.
    As(&'static str, f64),
    /// So many times what that peer has.
    AtMostOf(&'static str, f64),
    AtLeastOf(&'static str, f64),
    /// Not worse than any other that has a column of its own.
    Best,
}

use Target::{As, AtLeast, AtLeastOf, AtMost, AtMostOf, Best};

/// The column of the process's CPU clock: two readings of it differ by that much.
const CLOCK_MS: f64 = 0.5;

/// By the job's label and the metric's field. A row may have several.
const TARGETS: &[(&str, &str, Target)] = &[
    ("yield w1", "ns_per_op", AtMost(20.0)),
    ("spawn_waves w2", "ns_per_op", AtMost(100.0)),
    ("spawn w2", "ns_per_op", AtMost(200.0)),
    ("unstarted_1M", "bytes_per_task", AtMost(200.0)),
    ("pingpong w2", "ns_per_op", AtMost(100.0)),
    ("chan_buf w2", "ns_per_op", AtMost(12.0)),
    ("mpmc w2", "ns_per_op", AtMost(25.0)),
    ("ring w2", "ns_per_op", AtMost(80.0)),
    ("skynet w2", "ns_per_op", AtMost(450.0)),
    ("sieve w2", "seconds", AtMost(120.0)),
    ("select w2", "ns_per_op", AtMost(70.0)),
    ("select_buf w2", "ns_per_op", AtMost(55.0)),
    ("mutex w2", "ns_per_op", AtMost(12.0)),
    ("mutex w1", "ns_per_op", AtMost(4.5)),
    ("mutex_1M w2", "ns_per_op", AtMost(15.6)),
    ("mutex_alone", "ns_per_op", As("std", 0.2)),
    ("rwlock w2", "ns_per_op", As("parking_lot", 0.2)),
    ("timer_func", "ns_per_op", AtMost(60.0)),
    ("timer_chan", "ns_per_op", AtMost(60.0)),
    ("context", "ns_per_op", AtMost(150.0)),
    ("fib w2", "ns_per_op", AtMost(350.0)),
    ("fib w1", "ns_per_op", AtMost(300.0)),
    ("sleep_100k", "cpu_s", AtMost(180.0)),
    ("sleep_100k", "late_p50_us", AtMost(30.0)),
    ("sleep_10k", "late_p99_us", AtMost(60.0)),
    ("mem_1M", "bytes_per_task", AtMost(5000.0)),
    ("mem_1M", "ns_per_op", AtMost(3000.0)),
    ("fanout", "p50_us", AtMost(1050.0)),
    ("fanout_cpu", "p50_us", AtMost(1050.0)),
    ("starve", "ticks", AtLeast(590.0)),
    ("starve", "late_p99_us", AtMost(2.0)),
    ("starve_chan", "ticks", AtLeast(590.0)),
    ("starve_chan", "late_p99_us", AtMost(2.0)),
    ("crowd", "late_p99_us", AtMost(50.0)),
    ("crowd", "had_turn", AtLeast(1000.0)),
    ("blocking", "ms", AtMost(55.0)),
    ("blocking_raw", "ms", AtMost(80.0)),
    ("idle", "cpu_ms", As("tokio", CLOCK_MS)),
    ("tcp1 pinned", "p50_us", AtMostOf("epoll", 1.03)),
    ("tcp64 pinned", "rate", AtLeastOf("epoll", 0.97)),
    ("tcp64 pinned", "rate", Best),
    ("tcp64 pinned", "server_cpu_us", AtMostOf("tokio", 1.0)),
    ("tcp64", "rate", AtLeastOf("tokio", 1.0)),
    ("tcp64", "p99_us", AtMost(1100.0)),
    ("tcp1000 pinned", "rate", AtLeastOf("epoll", 1.0)),
    ("tcp1000 pinned", "p99_us", AtMostOf("epoll", 1.0)),
    ("tcp1000", "rate", AtLeastOf("epoll", 1.0)),
    ("tcp1000", "p99_us", AtMostOf("epoll", 1.0)),
    ("tcp_idle_1k", "bytes_per_connection", AtMost(6144.0)),
];

/// The targets of that row.
pub fn of(job: &str, metric: &Metric) -> impl Iterator<Item = Target> {
    let its =
        TARGETS.iter().filter(move |(label, field, _)| *label == job && *field == metric.field);
    its.map(|(_, _, target)| *target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{jobs, metrics};

    #[test]
    fn every_target_has_a_row() {
        let jobs = jobs::all();
        for (label, field, _) in TARGETS {
            let job = jobs.iter().find(|job| job.label == *label).expect(label);
            let rows = metrics::of(job.workload);
            assert!(rows.iter().any(|metric| metric.field == *field), "{label}: {field}");
        }
    }
}
