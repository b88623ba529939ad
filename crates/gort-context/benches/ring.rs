//! Rings of contexts, each switching to the next: what it costs when the caches are not hot, and what the
//! colours are good for.
//!
//! `cargo bench -p gort-context --bench ring`

#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "each flow of a ring switches to the next, as `switch` asks"
)]
#![expect(clippy::multiple_unsafe_ops_per_block, reason = "a bench")]

use std::hint::black_box;
use std::time::Instant;

use gort_context::{Context, Options, Stack, discard, init, switch};

const ROUNDS: usize = 21;
const SWITCHES: usize = 200_000;

struct Flow {
    context: Context,
    next: *mut Flow,
    /// None for the bench's own flow.
    stack: Option<Stack>,
}

unsafe extern "C-unwind" fn go_round(word: *mut ()) -> ! {
    let me = word.cast::<Flow>();
    loop {
        // Some frames, as a goroutine has them that parks deep in a library.
        unsafe { call_down(me, 3) };
    }
}

#[inline(never)]
unsafe fn call_down(me: *mut Flow, depth: u32) {
    let mut frame = [depth; 12];
    black_box(&mut frame);
    if depth > 0 {
        unsafe { call_down(me, depth - 1) };
    } else {
        unsafe { switch(&raw mut (*me).context, (*(*me).next).context, (*me).next.cast()) };
    }
    black_box(&mut frame);
}

struct Ring(Vec<Flow>);

impl Ring {
    fn new(length: usize, coloured: bool) -> Ring {
        let pool = Options::new(256 << 10).coloured(coloured).build().expect("a pool");
        let mut flows =
            vec![Flow { context: Context::DANGLING, next: std::ptr::null_mut(), stack: None }];
        for _ in 1..length {
            let stack = pool.take().expect("a stack");
            let context = unsafe { init(&stack, go_round) }.expect("a context");
            flows.push(Flow { context, next: std::ptr::null_mut(), stack: Some(stack) });
        }
        // In no order that a prefetcher could follow.
        let mut order: Vec<usize> = (0..length).collect();
        let mut seed = 1_u64;
        for n in (1..length).rev() {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            order.swap(n, (seed >> 33) as usize % (n + 1));
        }
        let first = flows.as_mut_ptr();
        for (n, &flow) in order.iter().enumerate() {
            flows[flow].next = first.wrapping_add(order[(n + 1) % length]);
        }
        Ring(flows)
    }

    fn measure(&mut self) -> f64 {
        let me = self.0.as_mut_ptr();
        let turns = SWITCHES / self.0.len();
        let start = Instant::now();
        for _ in 0..turns {
            unsafe { switch(&raw mut (*me).context, (*(*me).next).context, (*me).next.cast()) };
        }
        start.elapsed().as_secs_f64() * 1e9 / (turns * self.0.len()) as f64
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for flow in self.0.drain(..).filter(|flow| flow.stack.is_some()) {
            unsafe { discard(flow.context) };
        }
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn main() {
    for length in [2, 5, 10, 20, 30, 100, 1000, 10_000] {
        let mut rings = [Ring::new(length, true), Ring::new(length, false)];
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (ring, times) in rings.iter_mut().zip(&mut times) {
                times.push(ring.measure());
            }
        }
        let [coloured, plain] = times.map(median);
        println!("ring of {length:6}: {coloured:6.1} ns a switch, without colours {plain:6.1} ns");
    }
}
