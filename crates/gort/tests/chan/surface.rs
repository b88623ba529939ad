//! What a channel does and tells when nobody else is there.

use crate::SOON;
use crate::chan_world::World;
use gort::chan::{
    Receiver, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    chan,
};
use std::error::Error;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

#[test]
fn operations_that_do_not_block_tell_why_they_did_nothing() {
    let (tx, rx) = chan(1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    tx.close();
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(tx.send(4), Err(SendError(4)));
    assert_eq!(tx.send_timeout(5, SOON), Err(SendTimeoutError::Closed(5)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.recv_timeout(SOON), Err(RecvTimeoutError::Closed));
    assert_eq!(rx.recv(), None);

    let (tx, rx) = chan(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(rx);
    assert_eq!(tx.try_send(1), Err(TrySendError::Closed(1)));
}

#[test]
fn waits_end_at_their_deadline_and_not_before() {
    const TIME: Duration = Duration::from_millis(20);
    for world in [World::Threads, World::Goroutines(1)] {
        world.run(|| {
            let (tx, rx) = chan(0);
            let start = Instant::now();
            assert_eq!(rx.recv_timeout(TIME), Err(RecvTimeoutError::Timeout));
            assert!(start.elapsed() >= TIME);
            let start = Instant::now();
            assert_eq!(tx.send_timeout(1, TIME), Err(SendTimeoutError::Timeout(1)));
            assert!(start.elapsed() >= TIME);
            let deadline = Instant::now() + TIME;
            assert_eq!(rx.recv_deadline(deadline), Err(RecvTimeoutError::Timeout));
            assert!(Instant::now() >= deadline);
            let deadline = Instant::now() + TIME;
            assert_eq!(tx.send_deadline(1, deadline), Err(SendTimeoutError::Timeout(1)));
            assert!(Instant::now() >= deadline);
            // One that has passed still takes what is there.
            let (tx, rx) = chan(1);
            assert_eq!(tx.send_deadline(1, deadline), Ok(()));
            assert_eq!(tx.send_timeout(2, Duration::ZERO), Err(SendTimeoutError::Timeout(2)));
            assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
            assert_eq!(rx.recv_deadline(deadline), Err(RecvTimeoutError::Timeout));
            // One that never comes is no deadline.
            tx.send_timeout(3, Duration::MAX).unwrap();
            assert_eq!(rx.recv_timeout(Duration::MAX), Ok(3));
        });
    }
}

#[test]
fn what_a_channel_tells_about_itself() {
    let (tx, rx) = chan(2);
    let told = |tx: &Sender<i32>, rx: &Receiver<i32>| {
        assert_eq!(
            (tx.len(), tx.is_empty(), tx.is_full()),
            (rx.len(), rx.is_empty(), rx.is_full())
        );
        assert_eq!((tx.capacity(), tx.is_closed()), (rx.capacity(), rx.is_closed()));
        (tx.len(), tx.is_empty(), tx.is_full(), tx.capacity(), tx.is_closed())
    };
    assert_eq!(told(&tx, &rx), (0, true, false, 2, false));
    tx.send(1).unwrap();
    assert_eq!(told(&tx, &rx), (1, false, false, 2, false));
    tx.send(2).unwrap();
    assert_eq!(told(&tx, &rx), (2, false, true, 2, false));
    rx.close();
    assert_eq!(told(&tx, &rx), (2, false, true, 2, true));
    let (other_tx, other_rx) = chan(0);
    assert_eq!(told(&other_tx, &other_rx), (0, true, true, 0, false));
    assert!(tx.same_channel(&tx.clone()) && !tx.same_channel(&other_tx));
    assert!(rx.same_channel(&rx.clone()) && !rx.same_channel(&other_rx));
    drop(rx);
    assert_eq!((tx.len(), tx.capacity(), tx.is_closed()), (0, 2, true));
}

#[test]
fn a_huge_capacity_costs_what_it_holds() {
    for capacity in [1 << 20, 1 << 40, usize::MAX] {
        let (tx, rx) = chan(capacity);
        assert_eq!(tx.capacity(), capacity);
        for i in 0..10_000_usize {
            tx.send([i; 4]).unwrap();
            if i % 3 == 0 {
                assert_eq!(rx.recv(), Some([i / 3; 4]));
            }
        }
        assert!(rx.try_iter().eq((3334..10_000).map(|i| [i; 4])));
        let (tx, rx) = chan(capacity);
        (0..10_000).for_each(|_| tx.send(()).unwrap());
        assert_eq!(rx.len(), 10_000);
    }
}

#[test]
fn every_capacity_is_kept_to_exactly() {
    for capacity in (0..70).chain([127, 128, 129, 500, 1000, 1025]) {
        let (tx, rx) = chan(capacity);
        for round in 0..3 {
            for i in 0..capacity {
                assert_eq!(tx.try_send(i), Ok(()), "capacity {capacity}, round {round}");
            }
            assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
            // Leaves the ring in the middle, so that the next round wraps around.
            assert!(rx.try_iter().take(capacity / 2).eq(0..capacity / 2));
            (0..capacity / 2).for_each(|i| tx.send(capacity + i).unwrap());
            assert!(rx.try_iter().eq(capacity / 2..capacity + capacity / 2));
            if capacity > 1 {
                tx.send(0).unwrap();
                assert_eq!(rx.recv(), Some(0));
            }
        }
    }
}

#[test]
fn iterators_end_with_the_channel() {
    let (tx, rx) = chan(10);
    (0..6).for_each(|i| tx.send(i).unwrap());
    assert!(rx.try_iter().take(2).eq([0, 1]));
    assert_eq!(rx.iter().next(), Some(2));
    drop(tx);
    let mut sum = 0;
    for i in &rx {
        sum += i;
        if i == 4 {
            break;
        }
    }
    assert_eq!(sum, 3 + 4);
    let mut rest = rx.into_iter();
    assert_eq!([rest.next(), rest.next(), rest.next()], [Some(5), None, None]);
}

#[test]
fn errors_tell_what_happened() {
    fn shown(error: &dyn Error) -> String {
        format!("{error} / {error:?}")
    }
    struct NotDebug;
    let errors: [Box<dyn Error>; 9] = [
        Box::new(SendError(NotDebug)),
        Box::new(TrySendError::Full(NotDebug)),
        Box::new(TrySendError::Closed(NotDebug)),
        Box::new(SendTimeoutError::Timeout(NotDebug)),
        Box::new(SendTimeoutError::Closed(NotDebug)),
        Box::new(TryRecvError::Empty),
        Box::new(TryRecvError::Closed),
        Box::new(RecvTimeoutError::Timeout),
        Box::new(RecvTimeoutError::Closed),
    ];
    assert_eq!(
        errors.map(|error| shown(&*error)),
        [
            "sending on a closed channel / SendError(..)",
            "sending on a full channel / Full(..)",
            "sending on a closed channel / Closed(..)",
            "timed out sending on a channel / Timeout(..)",
            "sending on a closed channel / Closed(..)",
            "receiving from an empty channel / Empty",
            "receiving from a closed and drained channel / Closed",
            "timed out receiving from a channel / Timeout",
            "receiving from a closed and drained channel / Closed",
        ]
    );
    assert_eq!(SendError(1).into_inner(), 1);
    assert_eq!([TrySendError::Full(2), TrySendError::Closed(2)].map(|e| e.into_inner()), [2, 2]);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert_eq!(SendTimeoutError::from(SendError(4)), SendTimeoutError::Closed(4));
    assert_eq!(TrySendError::from(SendError(4)), TrySendError::Closed(4));
    assert!(TrySendError::Full(0).is_full() && !TrySendError::Full(0).is_closed());
    assert!(SendTimeoutError::Timeout(0).is_timeout() && !SendTimeoutError::Timeout(0).is_closed());
    assert!(TryRecvError::Empty.is_empty() && TryRecvError::Closed.is_closed());
    assert!(RecvTimeoutError::Timeout.is_timeout() && RecvTimeoutError::Closed.is_closed());
}

#[test]
fn everything_shows_itself() {
    struct NotDebug;
    let (tx, rx) = chan(2);
    tx.send(NotDebug).unwrap();
    assert_eq!(format!("{tx:?}"), "Sender { len: 1, capacity: 2, closed: false, .. }");
    drop(tx);
    assert_eq!(format!("{rx:?}"), "Receiver { len: 1, capacity: 2, closed: true, .. }");
    assert!(format!("{:?}", rx.iter()).starts_with("Iter(Receiver {"));
    assert!(format!("{:?}", rx.try_iter()).starts_with("TryIter(Receiver {"));
    assert!(format!("{:?}", rx.into_iter()).starts_with("IntoIter(Receiver {"));
}

#[test]
fn what_can_be_shared_is_what_should() {
    fn shareable<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    shareable::<Sender<std::cell::Cell<i32>>>();
    shareable::<Receiver<std::cell::Cell<i32>>>();

    // A trait method that only exists if `T: Send` shadows the other.
    struct Probe<T>(std::marker::PhantomData<T>);
    trait NotSend {
        fn is_send(&self) -> bool {
            false
        }
    }
    impl<T> NotSend for Probe<T> {}
    impl<T: Send> Probe<T> {
        fn is_send(&self) -> bool {
            true
        }
    }
    assert!(Probe::<Sender<i32>>(std::marker::PhantomData).is_send());
    assert!(!Probe::<Sender<std::rc::Rc<i32>>>(std::marker::PhantomData).is_send());
    assert!(!Probe::<Receiver<std::rc::Rc<i32>>>(std::marker::PhantomData).is_send());

    // On one thread, what is not `Send` passes all the same.
    let (tx, rx) = chan(1);
    tx.send(std::rc::Rc::new(1)).unwrap();
    assert_eq!(rx.recv().as_deref(), Some(&1));
}
