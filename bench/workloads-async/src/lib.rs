//! The workloads of the `workloads` crate, written for runtimes of futures. What each does is told there.
//!
//! A peer implements [`AsyncRuntime`] and has a `main` that calls [`main`]. Where the blocking ones have
//! channels that are not buffered these have a buffer of one, the least that the peers' channels have.
//! The channel with many receivers is `async-channel`'s for all of them.

mod blocking;
mod channels;
mod fairness;
mod fork_join;
mod locks;
mod many;
mod memory;
mod net;
mod runtime;
mod scheduling;
mod select;
mod spawn;
mod time;
mod topologies;
mod wait_group;

pub use runtime::{AsyncMutex, AsyncReceiver, AsyncRuntime, AsyncSender, Notify};

use workloads::{Args, report};

/// The whole of a peer's `main`.
pub fn main<R: AsyncRuntime>() {
    let args = Args::parse();
    R::run(args.workers(), dispatch::<R>(args));
}

async fn dispatch<R: AsyncRuntime>(args: Args) {
    let args = &args;
    match args.workload.as_str() {
        "spawn" => spawn::spawn::<R>(args).await,
        "spawn_waves" => spawn::spawn_waves::<R>(args).await,
        "yield" => spawn::yields::<R>(args).await,
        "pingpong" => channels::pingpong::<R>(args).await,
        "chan_buf" => channels::chan_buf::<R>(args).await,
        "mpmc" => channels::mpmc::<R>(args).await,
        "ring" => topologies::ring::<R>(args).await,
        "skynet" => topologies::skynet::<R>(args).await,
        "sieve" => topologies::sieve::<R>(args).await,
        "select" | "select_buf" => select::select::<R>(args).await,
        "select_many" => select::select_many::<R>(args).await,
        "mutex" => locks::mutex::<R>(args).await,
        "mutex_alone" => locks::mutex_alone::<R>(args).await,
        "waitgroup" => locks::waitgroup::<R>(args).await,
        "fib" => fork_join::fib::<R>(args).await,
        "sleep" => time::sleep::<R>(args).await,
        "idle" => time::idle::<R>(args).await,
        "fanout" | "fanout_cpu" => spawn::fanout::<R>(args).await,
        "mem" => memory::mem::<R>(args).await,
        "park" => many::park::<R>(args).await,
        "waiters" => many::waiters::<R>(args).await,
        "unstarted" => memory::unstarted::<R>(args).await,
        "starve" => fairness::starve::<R>(args).await,
        "starve_chan" => fairness::starve_chan::<R>(args).await,
        "wake" => scheduling::wake::<R>(args).await,
        "blocking" => blocking::blocking::<R>(args).await,
        "tcp" | "tcp_idle" => net::tcp_echo::<R>(args).await,
        _ => report::not_applicable(R::NAME, args, "no such workload"),
    }
}
