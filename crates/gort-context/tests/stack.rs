//! Stacks and their pool.

use std::collections::HashSet;
use std::io::ErrorKind;

use gort_context::{Guard, Options, Stack, StackPool};

/// As a flow would that goes so deep: every page from the top down is written to.
#[cfg(unix)]
fn use_down_to(stack: &mut Stack, depth: usize) {
    for below in (8..=depth).step_by(8) {
        // SAFETY: nothing runs on the stack, and it is that deep.
        unsafe { stack.top().wrapping_sub(below).cast::<usize>().write_volatile(below) };
    }
}

/// A flow that goes so deep: nobody else may touch what is new.
#[cfg(windows)]
fn use_down_to(stack: &mut Stack, depth: usize) {
    fn go_down_to(lowest: usize) {
        let mut frame = [1_u8; 512];
        if std::hint::black_box(&mut frame).as_ptr().addr() > lowest {
            go_down_to(lowest);
        }
        std::hint::black_box(&mut frame);
    }
    let lowest = stack.top().addr() - depth;
    gort_context::on_stack(stack, || go_down_to(lowest));
}

/// The lowest word that may be touched by who does not run on the stack.
fn lowest_word(stack: &Stack) -> *mut usize {
    let lowest = if cfg!(windows) { stack.top().wrapping_sub(1024) } else { stack.limit() };
    lowest.cast()
}

#[cfg(unix)]
fn pages_present(stack: &mut Stack) -> usize {
    let len = stack.usable().next_multiple_of(4096);
    let mut present = vec![0_u8; len / 4096];
    // SAFETY: the stack is mapped, and the list has a byte for each of its pages.
    assert_eq!(unsafe { libc::mincore(stack.limit().cast(), len, present.as_mut_ptr().cast()) }, 0);
    present.iter().filter(|&&page| page & 1 == 1).count()
}

/// A page that is committed need not be present, and the system does not tell cheaply.
#[cfg(windows)]
fn pages_present(stack: &mut Stack) -> usize {
    if stack.used_deep(0) { 12 } else { 1 }
}

#[test]
fn sizes() {
    let mut size = 16 << 10;
    while size <= 1 << 30 {
        for guard in [Guard::Auto, Guard::Mprotect] {
            let pool = Options::new(size).guard(guard).build().unwrap();
            let size = if cfg!(windows) { size.max(64 << 10) } else { size };
            assert_eq!(pool.stack_size(), size);
            let mut stacks = Vec::new();
            pool.take_many(&mut stacks, 3).unwrap();
            for stack in &mut stacks {
                assert_eq!(stack.size(), size);
                assert!(stack.usable() >= size / 2, "{stack:?}");
                assert_eq!(stack.top().addr() % 16, 0);
                assert_eq!(stack.guard().end, stack.limit().addr());
                // SAFETY: nothing runs on the stack, whose word it is.
                unsafe { lowest_word(stack).write_volatile(1) };
                use_down_to(stack, 4096.min(stack.usable()));
            }
        }
        size *= 2;
    }
    assert_eq!(StackPool::new(100_000).unwrap().stack_size(), 128 << 10, "rounded up");
}

#[test]
fn what_cannot_be() {
    for size in [0, 1, (16 << 10) - 1, (1 << 30) + 1, usize::MAX] {
        let e = StackPool::new(size).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput);
        assert!(e.to_string().contains("16 KiB to 1 GiB"), "{e}");
    }
    for len in [0, (32 << 10) + 1, usize::MAX] {
        let e = Options::new(64 << 10).guard_len(len).build().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn stacks_do_not_overlap() {
    let pool = StackPool::new(16 << 10).unwrap();
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, 1000).unwrap();
    assert_eq!(pool.live(), 1000);
    let mut ranges: Vec<_> =
        stacks.iter().map(|stack| (stack.guard().start, stack.top().addr())).collect();
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    let offsets: HashSet<_> = stacks.iter().map(|stack| stack.top().addr() % 4096).collect();
    assert!(offsets.len() > 10, "tops are spread over cache lines");
    pool.put_many(stacks);
    assert_eq!(pool.live(), 0);
}

#[test]
fn last_in_first_out() {
    let pool = StackPool::new(16 << 10).unwrap();
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, 3).unwrap();
    let tops: Vec<_> = stacks.iter().map(Stack::top).collect();
    stacks.into_iter().for_each(|stack| pool.put(stack));
    for top in tops.into_iter().rev() {
        let stack = pool.take().unwrap();
        assert_eq!(stack.top(), top);
        std::mem::forget(stack);
    }
}

#[test]
fn a_stack_outlives_its_pool() {
    let pool = StackPool::new(64 << 10).unwrap();
    let mut one = pool.take().unwrap();
    let other = pool.take().unwrap().into_raw();
    drop(pool);
    use_down_to(&mut one, 10_000);
    std::thread::spawn(move || drop(one)).join().unwrap();
    // SAFETY: it comes from `into_raw`, once.
    let mut other = unsafe { Stack::from_raw(other) };
    use_down_to(&mut other, 10_000);
}

#[test]
#[should_panic(expected = "not its own")]
fn another_pools_stack_is_refused() {
    let (one, other) = (StackPool::new(16 << 10).unwrap(), StackPool::new(16 << 10).unwrap());
    let stack = one.take().unwrap();
    other.put_many([stack]);
}

#[test]
fn depth_is_seen_and_trimmed() {
    let pool = StackPool::new(256 << 10).unwrap();
    let mut stack = pool.take().unwrap();
    assert!(!stack.used_deep(0));
    use_down_to(&mut stack, 2000);
    assert!(!stack.used_deep(0));
    assert_eq!(pages_present(&mut stack), 1, "asking touches nothing");
    use_down_to(&mut stack, 50_000);
    assert!(stack.used_deep(0) && stack.used_deep(16 << 10) && stack.used_deep(40 << 10));
    assert!(!stack.used_deep(64 << 10));
    assert!(pages_present(&mut stack) >= 12);
    stack.trim();
    assert_eq!(pages_present(&mut stack), 1);
    assert!(!stack.used_deep(0));
    // All the way down.
    let all = (stack.usable() - if cfg!(windows) { 8 << 10 } else { 0 }) & !7;
    use_down_to(&mut stack, all);
    assert!(stack.used_deep(128 << 10));
    assert!(!stack.used_deep(1 << 20), "deeper than it is");
}

/// Who trims a little at a time has other things to do: the more memory a stack may have, the fewer at a time.
#[test]
fn large_stacks_are_trimmed_by_the_16_mib() {
    for (size, at_a_time) in [(64 << 10, 64), (256 << 10, 64), (1 << 20, 16), (64 << 20, 1)] {
        let pool = StackPool::new(size).unwrap();
        let mut stacks = Vec::new();
        pool.take_many(&mut stacks, 65).unwrap();
        pool.put_many(stacks);
        assert_eq!(pool.trim_step(usize::MAX), at_a_time, "of {size}");
        assert_eq!(pool.trim(usize::MAX), 65 - at_a_time);
        assert_eq!(pool.trim_step(0), at_a_time);
    }
}

#[test]
fn sizes_are_known_before_there_is_a_pool() {
    for size in [16 << 10, (16 << 10) + 1, 64 << 10, 100_000, 1 << 30] {
        let options = Options::new(size);
        assert_eq!(options.stack_size().unwrap(), options.build().unwrap().stack_size());
    }
    for size in [0, (16 << 10) - 1, (1 << 30) + 1, usize::MAX] {
        assert_eq!(Options::new(size).stack_size().unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_pool_is_trimmed() {
    const COUNT: usize = 300;
    let pool = StackPool::new(64 << 10).unwrap();
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, COUNT).unwrap();
    stacks.iter_mut().for_each(|stack| use_down_to(stack, 20_000));
    let tops: HashSet<_> = stacks.iter().map(Stack::top).collect();
    pool.put_many(stacks);
    // First all below the first page, then the first page of all but a hundred.
    assert_eq!(pool.trim(usize::MAX), COUNT);
    assert_eq!(pool.trim(usize::MAX), 0);
    assert_eq!(pool.trim(100), COUNT - 100);
    let mut stacks = Vec::new();
    pool.take_many(&mut stacks, COUNT).unwrap();
    assert_eq!(
        stacks.iter().map(Stack::top).collect::<HashSet<_>>(),
        tops,
        "the same stacks again"
    );
    for stack in &mut stacks {
        assert_eq!(pages_present(stack), 1);
        assert!(!stack.used_deep(0));
        use_down_to(stack, 20_000);
    }
    let guards: Vec<_> = stacks.iter().map(Stack::guard).collect();
    let len = if cfg!(windows) { 24 << 10 } else { 16 << 10 };
    assert!(guards.iter().all(|guard| guard.len() == len));
}

#[test]
fn many_threads_share_a_pool() {
    let pool = StackPool::new(16 << 10).unwrap();
    let trimming = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4_usize)
            .map(|id| {
                let pool = &pool;
                scope.spawn(move || {
                    for turn in 0..200 {
                        let mut stacks = Vec::new();
                        pool.take_many(&mut stacks, 1 + (id + turn) % 40).unwrap();
                        for stack in &stacks {
                            // SAFETY: nothing runs on the stack, whose uppermost word it is.
                            unsafe { stack.top().cast::<usize>().wrapping_sub(1).write(id) };
                            // SAFETY: nothing runs on the stack, whose word it is.
                            unsafe { lowest_word(stack).write(id) };
                        }
                        for stack in stacks {
                            let top = stack.top().cast::<usize>();
                            // SAFETY: it has been written just now.
                            assert_eq!(unsafe { top.wrapping_sub(1).read() }, id);
                            // SAFETY: it has been written just now.
                            assert_eq!(unsafe { lowest_word(&stack).read() }, id);
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while trimming.load(std::sync::atomic::Ordering::Relaxed) {
                pool.trim(5);
            }
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        trimming.store(false, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(pool.live(), 0);
}
