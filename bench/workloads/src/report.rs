//! The one line of JSON that a program prints.

use crate::args::Args;
use crate::process;
use std::fmt::Write;

/// A result on its way out.
#[must_use]
pub struct Report(String);

impl Report {
    /// `operations` took `seconds`; the line says as well what the process has used so far.
    pub fn new(peer: &str, args: &Args, operations: u64, seconds: f64) -> Report {
        let cpu = process::cpu();
        Report(format!(
            "{{\"peer\":\"{peer}\",\"workload\":\"{}\",\"workers\":{},\"n\":{operations},\
             \"seconds\":{seconds:.6},\"rate\":{:.1},\"ns_per_op\":{:.2},\"rss_kib\":{},\
             \"cpu_user\":{:.3},\"cpu_sys\":{:.3}",
            args.workload,
            args.workers(),
            operations as f64 / seconds,
            seconds * 1e9 / operations as f64,
            process::peak_rss_kib(),
            cpu.user,
            cpu.system,
        ))
    }

    /// Adds a number of the workload's own.
    pub fn with(mut self, name: &str, value: f64) -> Report {
        // Writing to a string does not fail.
        let _ = write!(self.0, ",\"{name}\":{value:.3}");
        self
    }

    /// Adds how late things were: some percentiles and the maximum, in microseconds.
    pub fn with_late(self, late_us: &[f64]) -> Report {
        self.with("late_p50_us", percentile(late_us, 0.5))
            .with("late_p90_us", percentile(late_us, 0.9))
            .with("late_p99_us", percentile(late_us, 0.99))
            .with("late_p999_us", percentile(late_us, 0.999))
            .with("late_max_us", percentile(late_us, 1.0))
    }

    /// Prints it and ends the process at once: what taking the runtime down costs is not measured,
    /// and a peer that fails to come down has still done the work.
    pub fn emit(mut self) -> ! {
        self.0.push_str("}\n");
        process::print_and_leave(&self.0)
    }
}

/// The line of a program that does not do this workload, or not so that it could be compared.
pub fn not_applicable(peer: &str, args: &Args, why: &str) -> ! {
    let (workload, workers) = (&args.workload, args.workers());
    process::print_and_leave(&format!(
        "{{\"peer\":\"{peer}\",\"workload\":\"{workload}\",\"workers\":{workers},\
         \"status\":\"n/a\",\"why\":\"{why}\"}}\n"
    ))
}

/// The value below which the fraction `p` of `sorted` lies; NaN if there are none.
pub fn percentile(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    sorted[((sorted.len() - 1) as f64 * p).round() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_elements() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert_eq!(percentile(&values, 1.0), 100.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
