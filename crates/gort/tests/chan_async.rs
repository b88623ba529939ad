//! Channels as futures and streams, with an executor of ten lines.

mod chan_world;
mod support;

use chan_world::{World, join_all};
use gort::chan::{Receiver, RecvStream, SendError, TryRecvError, TrySendError, after, chan, tick};
use gort::sync::Notify;
use gort::time::Timer;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering::*;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use support::{
    LIMIT, Tally, ThreadWaker, Token, block_on, eventually, in_time, on, waker,
    waker_that_cannot_be_cloned, within,
};

/// Polls once.
fn poll<F: Future>(future: Pin<&mut F>, waker: &Arc<ThreadWaker>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(waker.clone())))
}

#[test]
fn futures_are_ready_at_once_if_they_can() {
    let waker = ThreadWaker::new();
    let (tx, rx) = chan(1);
    assert_eq!(poll(pin!(tx.send_async(1)), &waker), Poll::Ready(Ok(())));
    assert_eq!(poll(pin!(rx.recv_async()), &waker), Poll::Ready(Some(1)));
    tx.close();
    assert_eq!(poll(pin!(tx.send_async(2)), &waker), Poll::Ready(Err(SendError(2))));
    assert_eq!(poll(pin!(rx.recv_async()), &waker), Poll::Ready(None));
    assert_eq!(waker.woken.load(SeqCst), 0);
}

#[test]
fn a_pending_receive_is_woken_by_a_message() {
    for capacity in [0, 1] {
        let waker = ThreadWaker::new();
        let (tx, rx) = chan(capacity);
        let mut future = pin!(rx.recv_async());
        assert_eq!(poll(future.as_mut(), &waker), Poll::Pending);
        assert_eq!(poll(future.as_mut(), &waker), Poll::Pending);
        // It waits like any receiver, so there is somebody to hand a message to.
        assert_eq!(tx.try_send(1), Ok(()));
        assert_eq!(waker.woken.load(SeqCst), 1);
        assert_eq!(tx.try_send(2).is_ok(), capacity == 1);
        assert_eq!(poll(future.as_mut(), &waker), Poll::Ready(Some(1)));
        assert_eq!(waker.woken.load(SeqCst), 1);
    }
}

#[test]
fn a_pending_send_is_woken_by_a_receive() {
    for capacity in [0, 2] {
        let waker = ThreadWaker::new();
        let (tx, rx) = chan(capacity);
        (0..capacity).for_each(|i| tx.send(i).unwrap());
        let mut future = pin!(tx.send_async(capacity));
        assert_eq!(poll(future.as_mut(), &waker), Poll::Pending);
        assert_eq!(rx.try_recv(), Ok(0));
        assert_eq!(waker.woken.load(SeqCst), 1);
        assert_eq!(poll(future.as_mut(), &waker), Poll::Ready(Ok(())));
        assert!(rx.try_iter().eq(1..capacity + usize::from(capacity > 0)));
    }
}

#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let (first, second) = (ThreadWaker::new(), ThreadWaker::new());
    let (tx, rx) = chan(0);
    let mut future = pin!(rx.recv_async());
    assert!(poll(future.as_mut(), &first).is_pending());
    assert!(poll(future.as_mut(), &second).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((first.woken.load(SeqCst), second.woken.load(SeqCst)), (0, 1));
    assert_eq!(poll(future.as_mut(), &first), Poll::Ready(Some(1)));
}

#[test]
fn closing_ends_pending_futures() {
    let waker = ThreadWaker::new();
    let (tx, rx) = chan::<i32>(0);
    {
        let mut receiving = pin!(rx.recv_async());
        assert!(poll(receiving.as_mut(), &waker).is_pending());
        rx.close();
        assert_eq!(poll(receiving.as_mut(), &waker), Poll::Ready(None));
    }
    let (other, _rx) = chan(0);
    let mut sending = pin!(other.send_async("back"));
    assert!(poll(sending.as_mut(), &waker).is_pending());
    other.close();
    assert_eq!(poll(sending.as_mut(), &waker), Poll::Ready(Err(SendError("back"))));
    assert_eq!(waker.woken.load(SeqCst), 2);
    drop((tx, rx));
}

/// A receiving future that is dropped at any point loses nothing and leaves nothing.
#[test]
fn a_dropped_receive_loses_no_message() {
    let waker = ThreadWaker::new();
    for capacity in [0, 1, 3] {
        // Before it was polled, and while it waits.
        let (tx, rx) = chan(capacity);
        drop(rx.recv_async());
        {
            let mut future = pin!(rx.recv_async());
            assert!(poll(future.as_mut(), &waker).is_pending());
        }
        assert_eq!(tx.try_send(0).is_ok(), capacity > 0, "it is not there to receive");
        assert_eq!(rx.try_recv().is_ok(), capacity > 0);

        // After it was handed a message: that is the next one, before those that were sent later.
        {
            let mut future = pin!(rx.recv_async());
            assert!(poll(future.as_mut(), &waker).is_pending());
            tx.try_send(10).unwrap();
            (0..capacity).for_each(|i| tx.try_send(11 + i).unwrap());
        }
        assert_eq!(rx.len(), capacity + 1);
        assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
        assert!(rx.try_iter().eq(10..=10 + capacity));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));

        // ... or it goes to another one that waits.
        let mut other = pin!(rx.recv_async());
        {
            let mut future = pin!(rx.recv_async());
            assert!(poll(future.as_mut(), &waker).is_pending());
            assert!(poll(other.as_mut(), &waker).is_pending());
            tx.try_send(20).unwrap();
        }
        assert_eq!(poll(other.as_mut(), &waker), Poll::Ready(Some(20)));

        // After it was ready, and with the channel closed in between.
        {
            let mut future = pin!(rx.recv_async());
            assert!(poll(future.as_mut(), &waker).is_pending());
            tx.try_send(30).unwrap();
            tx.close();
        }
        assert_eq!([rx.recv(), rx.recv()], [Some(30), None]);
    }
}

#[test]
fn a_message_put_back_goes_before_blocked_senders() {
    let waker = ThreadWaker::new();
    let (tx, rx) = chan(1);
    let mut sending = pin!(tx.send_async(3));
    {
        let mut future = pin!(rx.recv_async());
        assert!(poll(future.as_mut(), &waker).is_pending());
        tx.try_send(1).unwrap();
        tx.try_send(2).unwrap();
        assert!(poll(sending.as_mut(), &waker).is_pending());
    }
    assert!(rx.try_iter().eq(1..=3));
    assert_eq!(poll(sending.as_mut(), &waker), Poll::Ready(Ok(())));
}

#[test]
fn a_dropped_send_has_not_sent() {
    let waker = ThreadWaker::new();
    let tally = Tally::new();
    let (tx, rx) = chan::<Token>(0);
    drop(tx.send_async(tally.token()));
    assert_eq!(tally.alive(), 0);
    {
        let mut future = pin!(tx.send_async(tally.token()));
        assert!(poll(future.as_mut(), &waker).is_pending());
    }
    assert_eq!(tally.alive(), 0);
    assert_eq!(rx.try_recv().err(), Some(TryRecvError::Empty));
    // One that was taken is the receiver's, though the future did not come to know it.
    let received = {
        let mut future = pin!(tx.send_async(tally.token()));
        assert!(poll(future.as_mut(), &waker).is_pending());
        rx.try_recv()
    };
    assert!(received.is_ok());
    assert_eq!(tally.alive(), 1);
}

#[test]
#[should_panic = "polled after it was ready"]
fn a_send_that_was_ready_is_not_to_be_polled() {
    let waker = ThreadWaker::new();
    let (tx, _rx) = chan(1);
    let mut future = pin!(tx.send_async(1));
    assert!(poll(future.as_mut(), &waker).is_ready());
    let _ = poll(future.as_mut(), &waker);
}

in_all_worlds! {
    futures_and_blocking_calls_meet
    futures_dropped_at_random_lose_nothing
    a_stream_gives_all_messages_and_then_ends
}

/// Futures run on plain threads, the others in the world.
fn futures_and_blocking_calls_meet(world: World) {
    const EACH: usize = 300;
    world.run(move || {
        for capacity in [0, 1, 5] {
            let ((tx, rx), (back, returned)) = (chan(capacity), chan(capacity));
            let echo = std::thread::spawn(move || {
                block_on(async {
                    while let Some(i) = rx.recv_async().await {
                        back.send_async(i + 1).await.unwrap();
                    }
                });
            });
            let sender = world.spawn(move || (0..EACH).for_each(|i| tx.send(i).unwrap()));
            assert!(returned.iter().eq(1..=EACH));
            sender.join();
            echo.join().unwrap();
        }
    });
}

fn futures_dropped_at_random_lose_nothing(world: World) {
    const EACH: usize = 400;
    fn receive_some(rx: Receiver<usize>) -> Vec<usize> {
        let waker = ThreadWaker::new();
        let mut received = Vec::new();
        loop {
            let mut future = pin!(rx.recv_async());
            // Gives up after a look, and now and then after another one.
            for _ in 0..1 + received.len() % 3 {
                match poll(future.as_mut(), &waker) {
                    Poll::Ready(Some(i)) => {
                        received.push(i);
                        break;
                    }
                    Poll::Ready(None) => return received,
                    Poll::Pending => std::thread::yield_now(),
                }
            }
        }
    }
    world.run(move || {
        for capacity in [0, 2] {
            let (tx, rx) = chan(capacity);
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let rx = rx.clone();
                    std::thread::spawn(move || receive_some(rx))
                })
                .collect();
            let senders = world.spawn_all(2, |number| {
                let tx = tx.clone();
                Box::new(move || (0..EACH).for_each(|i| tx.send(number * EACH + i).unwrap()))
            });
            join_all(senders);
            drop(tx);
            let mut received: Vec<_> =
                receivers.into_iter().flat_map(|r| r.join().unwrap()).collect();
            received.extend(rx.iter()); // put back when both had ended
            received.sort();
            assert!(received.into_iter().eq(0..2 * EACH));
        }
    });
}

fn a_stream_gives_all_messages_and_then_ends(world: World) {
    world.run(move || {
        for capacity in [0, 3] {
            let (tx, rx) = chan(capacity);
            let sender = world.spawn(move || (0..100).for_each(|i| tx.send(i).unwrap()));
            let reader = std::thread::spawn(move || {
                let mut stream = rx.stream();
                drop(rx);
                block_on(async {
                    let mut next = 0;
                    while let Some(i) = stream.next().await {
                        assert_eq!(i, next);
                        next += 1;
                    }
                    assert_eq!(stream.next().await, None);
                    next
                })
            });
            sender.join();
            assert_eq!(reader.join().unwrap(), 100);
        }
    });
}

#[test]
fn a_stream_can_be_moved_between_messages_and_dropped() {
    let waker = ThreadWaker::new();
    let (tx, rx) = chan(1);
    let mut stream = rx.clone().into_stream();
    let std_waker = Waker::from(waker.clone());
    let mut cx = Context::from_waker(&std_waker);
    assert!(Pin::new(&mut stream).poll_next(&mut cx).is_pending());
    let mut moved = Box::new(stream);
    tx.try_send(1).unwrap();
    assert_eq!(Pin::new(&mut *moved).poll_next(&mut cx), Poll::Ready(Some(1)));
    assert!(Pin::new(&mut *moved).poll_next(&mut cx).is_pending());
    tx.try_send(2).unwrap();
    assert!(moved.receiver().same_channel(&rx));
    drop(moved);
    assert_eq!(rx.try_recv(), Ok(2));
}

/// What `next` returns is dropped, as in a `select!` of async code, and the stream is not.
#[test]
fn a_dropped_future_of_a_stream_loses_no_message_and_leaves_nothing() {
    let waker = ThreadWaker::new();
    for capacity in [0, 1] {
        let (tx, rx) = chan(capacity);
        let mut stream = rx.stream();
        assert!(poll(pin!(stream.next()), &waker).is_pending());
        assert_eq!(tx.try_send(0).is_ok(), capacity > 0, "it is not there to receive");
        assert_eq!(rx.try_recv().is_ok(), capacity > 0);
        // After it was handed a message.
        {
            let mut next = pin!(stream.next());
            assert!(poll(next.as_mut(), &waker).is_pending());
            tx.try_send(1).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(1));
        assert!(poll(pin!(stream.next()), &waker).is_pending());

        // One that was not polled does not end the wait of who polls the stream itself.
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut stream).poll_next(&mut cx).is_pending());
        drop(stream.next());
        tx.try_send(2).unwrap();
        assert_eq!(Pin::new(&mut stream).poll_next(&mut cx), Poll::Ready(Some(2)));
        tx.close();
        assert_eq!(poll(pin!(stream.next()), &waker), Poll::Ready(None));
    }
}

#[test]
fn time_wakes_futures_too() {
    support::within(support::LIMIT, || {
        const TIME: Duration = Duration::from_millis(10);
        let start = Instant::now();
        let (timer, ticks) = (after(TIME), tick(TIME));
        block_on(async {
            assert!(timer.recv_async().await.is_some());
            assert!(start.elapsed() >= TIME);
            let mut ticks = ticks.into_stream();
            for _ in 0..3 {
                assert!(ticks.next().await.is_some());
            }
        });
        assert!(start.elapsed() >= TIME * 3);
        // One that is dropped before its time wakes nobody.
        let (waker, is_pending) = in_time(TIME, || {
            let (waker, late) = (ThreadWaker::new(), after(TIME));
            let is_pending = poll(pin!(late.recv_async()), &waker).is_pending();
            (waker, is_pending)
        });
        assert!(is_pending);
        let later = after(TIME * 2);
        block_on(later.recv_async());
        assert_eq!(waker.woken.load(SeqCst), 0);
    });
}

/// A future may be handed from one task to another while it waits for a time, which wakes who has polled last.
#[test]
fn time_wakes_who_has_polled_last() {
    const TIME: Duration = Duration::from_millis(20);
    within(LIMIT, || {
        loop {
            let start = Instant::now();
            let (first, second, timer) = (ThreadWaker::new(), ThreadWaker::new(), after(TIME));
            let mut future = pin!(timer.recv_async());
            let are_pending =
                [&first, &second].map(|waker| poll(future.as_mut(), waker).is_pending());
            if start.elapsed() >= TIME {
                continue; // this thread was kept from running: it may be due
            }
            assert_eq!(are_pending, [true, true]);
            eventually("the second is woken", || second.woken.load(SeqCst) > 0);
            assert!(block_on(future).is_some());
            assert_eq!(first.woken.load(SeqCst), 0);
            break;
        }
    });
}

#[test]
fn futures_and_streams_show_themselves_and_can_be_sent() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let (tx, rx) = chan(2);
    let (sending, receiving, stream) = (tx.send_async(1), rx.recv_async(), rx.stream());
    shareable(&sending);
    shareable(&receiving);
    shareable(&stream);
    assert!(format!("{sending:?}").starts_with("SendFuture(Sender {"));
    assert!(format!("{receiving:?}").starts_with("RecvFuture(Receiver {"));
    assert!(format!("{stream:?}").starts_with("RecvStream(Receiver {"));
}

#[test]
fn a_waker_may_use_the_channel() {
    struct Receive(Receiver<i32>);
    impl std::task::Wake for Receive {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.len(), 0);
        }
    }
    let (tx, rx) = chan(1);
    let waker = Waker::from(Arc::new(Receive(rx.clone())));
    let mut future = pin!(rx.recv_async());
    assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let sender = std::thread::spawn(move || tx.send(1));
    eventually("it is sent", || sender.is_finished());
    assert_eq!(future.poll(&mut Context::from_waker(&waker)), Poll::Ready(Some(1)));
    sender.join().unwrap().unwrap();
}

fn panicking() -> Waker {
    waker(|| std::panic::resume_unwind(Box::new("on purpose")))
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_waiting() {
    const SHORT: Duration = Duration::from_millis(1);
    within(LIMIT, || {
        let (tx, rx) = chan::<i32>(0);
        let mut first = Box::pin(rx.recv_async());
        assert!(first.as_mut().poll(&mut Context::from_waker(&panicking())).is_pending());
        let second = ThreadWaker::new();
        let mut other = Box::pin(rx.recv_async());
        assert!(poll(other.as_mut(), &second).is_pending());
        drop(tx);
        assert_eq!(second.woken.load(SeqCst), 1);
        assert_eq!(poll(first.as_mut(), &second), Poll::Ready(None));
        assert_eq!(poll(other.as_mut(), &second), Poll::Ready(None));

        // The thread that keeps the time goes on, too.
        let mut soon = after(SHORT).into_stream();
        while Pin::new(&mut soon).poll_next(&mut Context::from_waker(&panicking())).is_ready() {
            soon = after(SHORT).into_stream(); // it was kept from polling for so long
        }
        assert!(block_on(after(SHORT * 20).recv_async()).is_some());
    });
}

/// A waker may drop other futures, as one of Tokio's drops its whole task when the runtime has gone. Those that had been claimed with
/// its own waited for who was to wake them, which was the caller of the waker: it hung.
#[test]
fn a_waker_may_drop_what_ends_with_its_own_future() {
    fn dropped_by_the_first<T: Send + 'static>(rx: Receiver<T>, end: impl FnOnce()) {
        let kept: Arc<Mutex<Vec<RecvStream<T>>>> = Arc::default();
        let to_drop = kept.clone();
        let waker = waker(move || {
            let streams = mem::take(&mut *to_drop.lock().unwrap());
            drop(streams);
        });
        // More than are claimed at once.
        let mut streams: Vec<_> = (0..40).map(|_| rx.stream()).collect();
        for stream in &mut streams {
            assert!(Pin::new(stream).poll_next(&mut Context::from_waker(&waker)).is_pending());
        }
        *kept.lock().unwrap() = streams;
        end();
        assert!(kept.lock().unwrap().is_empty());
    }
    within(LIMIT, || {
        let (tx, rx) = chan::<i32>(0);
        dropped_by_the_first(rx, || tx.close());
        let timer = Timer::new(LIMIT);
        dropped_by_the_first(timer.receiver().clone(), || assert!(timer.reset(LIMIT)));
    });
}

/// As above, for one that waits for another who has been claimed with it.
#[test]
fn a_waker_may_wait_for_who_ends_with_its_own_future() {
    on(1, || {
        let (tx, rx) = chan::<i32>(0);
        let other_has_ended = Arc::new(Notify::new());
        let ended = other_has_ended.clone();
        let waits = waker(move || ended.wait());
        let mut future = pin!(rx.recv_async());
        assert!(future.as_mut().poll(&mut Context::from_waker(&waits)).is_pending());
        let other = rx.clone();
        gort::go!(move || {
            assert_eq!(other.recv(), None);
            other_has_ended.notify_one();
        });
        gort::yield_now(); // it waits, behind the future
        tx.close();
        assert_eq!(block_on(future), None);
    });
}

/// To clone a waker is code of the user's, which may use the channel, and which may panic.
#[test]
fn a_waker_that_cannot_be_cloned_leaves_the_future_as_it_was() {
    within(LIMIT, || {
        let (tx, rx) = chan(0);
        let mut future = Box::pin(rx.recv_async());
        let fails = waker_that_cannot_be_cloned();
        for known in [None, Some(ThreadWaker::new())] {
            if let Some(waker) = &known {
                assert!(poll(future.as_mut(), waker).is_pending());
            }
            let polled = catch_unwind(AssertUnwindSafe(|| {
                future.as_mut().poll(&mut Context::from_waker(&fails)).is_pending()
            }));
            assert!(polled.is_err());
            assert_eq!(tx.try_send(1).is_ok(), known.is_some());
        }
        assert_eq!(block_on(future), Some(1));
    });
}
