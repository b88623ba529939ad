//! The workloads that gort and its peers are compared on, for runtimes in which a task blocks.
//!
//! A peer implements [`Runtime`] and has a `main` that calls [`main`]. Its program is run as
//! `PROGRAM WORKLOAD [key=number ..]`, where `w` is the number of workers and `n` how much of it; it
//! does that one thing, checks the result, prints one line of JSON and leaves.
//!
//! Time is taken within the runtime, after it has started, and the process leaves without taking
//! anything down: neither is part of a workload.

pub mod args;
pub mod blocking;
mod channels;
pub mod epoll;
pub mod fairness;
mod fork_join;
mod locks;
pub mod many;
pub mod memory;
pub mod net;
pub mod numbers;
pub mod primitives;
pub mod process;
pub mod report;
mod runtime;
pub mod scheduling;
pub mod select;
mod spawn;
pub mod time;
mod topologies;

pub use args::Args;
pub use report::Report;
pub use runtime::{Join, Mutex, Receiver, Runtime, Sender, WaitGroup};

/// The whole of a peer's `main`.
pub fn main<R: Runtime>() {
    let args = Args::parse();
    match R::supports(&args.workload) {
        Ok(()) => R::run(args.workers(), move || dispatch::<R>(&args)),
        Err(why) => report::not_applicable(R::NAME, &args, why),
    }
}

fn dispatch<R: Runtime>(args: &Args) {
    match args.workload.as_str() {
        "spawn" => spawn::spawn::<R>(args),
        "spawn_waves" => spawn::spawn_waves::<R>(args),
        "yield" => spawn::yields::<R>(args),
        "pingpong" => channels::pingpong::<R>(args),
        "chan_buf" | "chan_buf_unb" => channels::chan_buf::<R>(args),
        "mpmc" | "mpmc_unb" => channels::mpmc::<R>(args),
        "ring" => topologies::ring::<R>(args),
        "skynet" => topologies::skynet::<R>(args),
        "sieve" => topologies::sieve::<R>(args),
        "select" | "select_buf" => select::select::<R>(args),
        "select_many" => select::select_many::<R>(args),
        "mutex" => locks::mutex::<R>(args),
        "mutex_alone" => primitives::mutex_alone::<R>(args),
        "waitgroup" => primitives::waitgroup::<R>(args),
        "fib" => fork_join::fib::<R>(args),
        "sleep" => time::sleep::<R>(args),
        "idle" => time::idle::<R>(args),
        "fanout" | "fanout_cpu" => spawn::fanout::<R>(args),
        "mem" => memory::mem::<R>(args),
        "park" => many::park::<R>(args),
        "waiters" => many::waiters::<R>(args),
        "unstarted" => memory::unstarted::<R>(args),
        "starve" => fairness::starve::<R>(args),
        "starve_chan" => fairness::starve_chan::<R>(args),
        "crowd" => fairness::crowd::<R>(args),
        "wake" => scheduling::wake::<R>(args),
        "burst" | "skew" => scheduling::spread::<R>(args),
        "calm" => scheduling::calm::<R>(args),
        "blocking" => blocking::blocking::<R>(args),
        "tcp" | "tcp_idle" => net::tcp_echo::<R>(args),
        _ => report::not_applicable(R::NAME, args, "no such workload"),
    }
}
