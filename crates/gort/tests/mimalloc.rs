//! With an allocator that keeps a heap for each thread, compiled into the program.

mod support;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[test]
fn busy_allocations_while_processors_are_taken() {
    support::allocations::busy_allocations();
}

/// What is allocated on one thread is freed on others.
#[test]
fn messages_of_all_sizes() {
    support::on(2, || {
        let (tx, rx) = gort::chan(16);
        for n in 0..8_usize {
            let tx = tx.clone();
            gort::go!(move || (0..500).for_each(|m| tx.send(vec![n as u8; m * 7]).unwrap()));
        }
        drop(tx);
        let mut count = 0;
        for message in &rx {
            assert!(message.iter().all(|&byte| byte == *message.first().unwrap()));
            count += 1;
        }
        assert_eq!(count, 4000);
    });
}
