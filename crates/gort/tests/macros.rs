//! What `select!`, `go!` and the attributes do.

use gort::chan::{Receiver, SendError, Sender, chan, never};
use gort::{go, select, select_biased};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::fmt::Display;
use std::num::ParseIntError;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A channel of room for `messages` that holds them.
fn filled<T>(messages: impl IntoIterator<Item = T>) -> (Sender<T>, Receiver<T>) {
    let messages: Vec<T> = messages.into_iter().collect();
    let (tx, rx) = chan(messages.len());
    for message in messages {
        assert!(tx.send(message).is_ok());
    }
    (tx, rx)
}

/// Long enough that a test in which it passes has failed.
const AGES: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

// ---- Arms ----

#[gort::test]
fn each_kind_of_arm() {
    let (tx, rx) = chan(1);
    let nothing = select! {
        recv(rx) -> message => message,
        default => Some(0),
    };
    assert_eq!(nothing, Some(0));
    select! {
        send(tx, 7) -> result => assert_eq!(result, Ok(())),
        default => panic!("there was room"),
    }
    select! {
        send(tx, 8) -> result => panic!("no room, but {result:?}"),
        after(SHORT) => {}
    }
    select! {
        recv(rx) -> message => assert_eq!(message, Some(7)),
        after(AGES) => panic!("there was a message"),
    }
    drop(tx);
    select! {
        recv(rx) -> message => assert_eq!(message, None),
        default => panic!("a closed channel is ready"),
    }
}

#[gort::test]
fn works_on_a_plain_thread() {
    let (tx, rx) = chan(0);
    let (done_tx, done) = chan(0);
    let receiver = std::thread::spawn(move || {
        let mut sum = 0;
        loop {
            select! {
                recv(rx) -> n => match n {
                    Some(n) => sum += n,
                    None => break sum,
                },
                recv(done) => panic!("nobody sends here"),
            }
        }
    });
    for n in 0..10 {
        select! {
            send(tx, n) -> result => result.unwrap(),
            send(done_tx, ()), if false => panic!("off"),
        }
    }
    drop(tx);
    assert_eq!(receiver.join().unwrap(), 45);
}

#[gort::test]
fn waits_for_another_goroutine() {
    let (tx, rx) = chan(0);
    let (back_tx, back) = chan(0);
    go!(move || {
        for _ in 0..100 {
            let n: u32 = select! {
                recv(rx) -> n => n.unwrap(),
                after(AGES) => panic!("no message"),
            };
            select! {
                send(back_tx, n + 1) -> result => result.unwrap(),
                after(AGES) => panic!("no receiver"),
            }
        }
    });
    let mut n = 0;
    for _ in 0..100 {
        select! { send(tx, n) -> result => result.unwrap() }
        n = select! { recv(back) -> n => n.unwrap() };
    }
    assert_eq!(n, 100);
}

#[gort::test]
fn arms_in_any_order() {
    let (_tx, rx) = chan::<u8>(1);
    let chosen = select! {
        default => "default",
        recv(rx) => "recv",
        after(AGES) => "after",
    };
    assert_eq!(chosen, "default");
    let (tx, _rx) = chan(1);
    let chosen = select! {
        after(AGES) => "after",
        default => "default",
        send(tx, 1) => "send",
    };
    assert_eq!(chosen, "send");
}

#[gort::test]
fn the_shortest_timeout_counts() {
    let start = Instant::now();
    let chosen = select! {
        after(AGES) => 1,
        after(SHORT) => 2,
        recv(never::<()>()) => 3,
        after(Duration::ZERO), if start.elapsed() > AGES => 4,
    };
    assert_eq!(chosen, 2);
    assert!((SHORT..AGES).contains(&start.elapsed()));
}

#[gort::test]
fn only_a_default() {
    assert_eq!(select! { default => 3 }, 3);
    let mut steps = 0;
    while steps < 3 {
        steps += 1;
        select! { default => if steps == 2 { break } }
    }
    assert_eq!(steps, 2);
}

#[gort::test]
fn biased_takes_the_first_that_is_ready() {
    let (_tx, empty) = chan::<u8>(1);
    let (_tx_a, a) = filled(0..50);
    let (_tx_b, b) = filled(0..50);
    for _ in 0..50 {
        select_biased! {
            recv(empty) => panic!("empty"),
            recv(a) -> n => assert!(n.is_some()),
            recv(b) => panic!("`a` was ready"),
            default => panic!("`a` was ready"),
        }
    }
    select_biased! {
        default => panic!("`b` is ready"),
        recv(empty) => panic!("empty"),
        recv(a) => panic!("`a` is drained"),
        recv(b) -> n => assert_eq!(n, Some(0)),
    }
}

#[gort::test]
fn unbiased_takes_all_that_are_ready() {
    let (_tx_a, a) = filled(0..1000);
    let (_tx_b, b) = filled(0..1000);
    let mut taken = [0; 2];
    for _ in 0..1000 {
        select! {
            recv(a) => taken[0] += 1,
            recv(b) => taken[1] += 1,
        }
    }
    assert!(taken.iter().all(|&n| n > 300), "{taken:?}");
}

// ---- What may stand where ----

#[gort::test]
fn channels_of_all_shapes() {
    struct Inputs {
        direct: Receiver<u8>,
        shared: Arc<Receiver<u8>>,
        many: Vec<Receiver<u8>>,
        locked: Mutex<HashMap<&'static str, Receiver<u8>>>,
    }
    impl Inputs {
        fn direct(&self) -> &Receiver<u8> {
            &self.direct
        }
    }
    let (tx, rx) = chan::<u8>(100);
    let inputs = Inputs {
        direct: rx.clone(),
        shared: Arc::new(rx.clone()),
        many: vec![rx.clone(), rx.clone()],
        locked: Mutex::new(HashMap::from([("rx", rx.clone())])),
    };
    let inputs = &inputs;
    let reference = &rx;
    let boxed: Box<Arc<Receiver<u8>>> = Box::new(inputs.shared.clone());
    let mut count = 0;
    for _ in 0..200 {
        tx.send(1).unwrap();
        let n = select! {
            recv(rx) -> n => n,
            recv(&rx) -> n => n,
            recv(reference) -> n => n,
            recv(*reference) -> n => n,
            recv(rx.clone()) -> n => n,
            recv({ &rx }) -> n => n,
            recv(inputs.direct) -> n => n,
            recv(inputs.direct()) -> n => n,
            recv(inputs.shared) -> n => n,
            recv(*inputs.shared) -> n => n,
            recv(inputs.many[1]) -> n => n,
            recv(inputs.many.last().unwrap()) -> n => n,
            recv(if n_is_odd(count) { &rx } else { inputs.direct() }) -> n => n,
            recv(boxed) -> n => n,
            recv(inputs.locked.lock().unwrap()["rx"]) -> n => n,
        };
        count += u64::from(n.unwrap());
    }
    assert_eq!(count, 200);
    // Arms with a condition hold their temporaries through the selection too.
    for on in [false, true] {
        let n = select_biased! {
            recv(inputs.locked.lock().unwrap().get("rx").unwrap()) -> n, if on => n,
            recv([rx.clone()][0]), if !on => panic!("empty"),
            send(Some(tx.clone()).as_ref().unwrap(), 3), if !on => rx.recv(),
            after(SHORT) => None,
        };
        assert_eq!(n, (!on).then_some(3));
        assert!(inputs.locked.try_lock().is_ok());
    }
}

fn n_is_odd(n: u64) -> bool {
    n % 2 == 1
}

#[gort::test]
fn expressions_with_commas() {
    fn pick<A: Default, B>(_: B) -> A {
        A::default()
    }
    let (tx, rx) = chan::<HashMap<u8, u8>>(1);
    let (_tx, none) = chan::<u8>(1);
    let size = select! {
        send(tx, HashMap::<u8, u8>::from([(1, 2), (3, 4)])) => rx.recv().map_or(0, |map| map.len()),
        recv(none) => <HashMap<u8, u8> as IntoIterator>::into_iter(HashMap::new()).len(),
    };
    assert_eq!(size, 2);
    let sum = select! {
        after(pick::<Duration, (u8, u8)>((1, 2))) => [(1, 2), (3, 4)].iter().fold(0, |sum, (a, b)| sum + a * b),
        recv(none) -> n => usize::from(n.is_some()) | usize::from(n.is_none()),
    };
    assert_eq!(sum, 14);
    let half = select! {
        recv(none) => Box::new(|n| n) as Box<dyn Fn(u8) -> u8>,
        default => Box::new(|n: u8| n / 2) as Box<dyn Fn(u8) -> u8>
    };
    assert_eq!(half(8), 4);
    let add = select! {
        default => move |a: u8, b: u8| -> u8 { a + b },
    };
    assert_eq!(add(1, 2), 3);
}

#[gort::test]
fn bodies_without_commas() {
    let (_tx, rx) = filled([1]);
    for _ in 0..2 {
        select! {
            recv(rx) -> n => if n == Some(1) {
                assert!(rx.is_empty())
            } else {
                unreachable!()
            }
            default => match rx.len() {
                0 => {}
                _ => unreachable!(),
            }
            after(AGES) => while rx.is_empty() { gort::yield_now() }
            recv(never::<()>()), if !rx.is_empty() => {}
            recv(never::<()>()) => for n in 0..2 { assert_eq!(n, 2) }
        }
    }
    let text = select! {
        recv(rx) => { "recv" }.to_string(),
        default => { "default" }.to_string()
    };
    assert_eq!(text, "default");
}

#[gort::test]
fn patterns() {
    let (tx, rx) = filled([1, 2, 3, 4]);
    select! { recv(rx) -> _ => {} }
    select! { recv(rx) -> mut n => assert_eq!((n.take(), n), (Some(2), None)) }
    select! { recv(rx) -> ref n => assert_eq!(n, &Some(3)) }
    select! { recv(rx) -> n @ (Some(_) | None) => assert_eq!(n, Some(4)) }
    rx.close();
    select! { send(tx, 5) -> (Ok(()) | Err(SendError::<i32>(_))) => {} }
}

#[gort::test]
fn values_are_coerced() {
    let (tx, rx) = chan::<Box<dyn Display + Send>>(2);
    select! { send(tx, Box::new(5)) => {} }
    select! { send(tx, Box::new("text")), if true => {} }
    assert_eq!(format!("{} {}", rx.recv().unwrap(), rx.recv().unwrap()), "5 text");
    let text = String::from("text");
    let (tx, rx) = chan::<&str>(1);
    select! { send(&&tx, &text) => {} }
    assert_eq!(rx.recv(), Some("text"));
}

#[gort::test]
fn types_of_messages_are_inferred() {
    let (tx, rx) = chan(1);
    select! {
        recv(rx) -> n, if false => n.unwrap(),
        send(tx, Vec::new()) => Vec::<u8>::new(),
    };
    assert_eq!(rx.recv(), Some(vec![]));
}

#[gort::test]
fn names_do_not_clash() {
    #[derive(Debug, PartialEq)]
    struct Arm0(i8);
    let (value, chosen, arms, index) = (1, 2, 3, 4);
    let (sender, receiver) = chan(1);
    let (tx, rx, channel) = (-1, -2, 3);
    let sum = 'off: {
        select! {
            send(sender, Arm0(value + chosen + arms + index + tx + rx + channel)), if arms == 3 => value + chosen + arms + index,
            recv(receiver), if value == 0 => break 'off 0,
        }
    };
    assert_eq!(sum, 10);
    assert_eq!(receiver.recv(), Some(Arm0(10)));
}

#[gort::test]
fn nested() {
    let (outer_tx, outer) = filled([1]);
    let (inner_tx, inner) = filled([2]);
    let sum = select! {
        recv(outer) -> a => select! {
            recv(inner) -> b => select! {
                send(outer_tx, 4) => a.unwrap() + b.unwrap() + outer.recv().unwrap(),
                default => 100,
            },
            default => 200,
        },
        send(inner_tx, select! { default => 5 }), if select! { default => false } => 300,
    };
    assert_eq!(sum, 7);
    let head = select! {
        recv(select! { default => &inner }) => 1,
        after(select! { default => SHORT }) => 2,
    };
    assert_eq!(head, 2);
}

#[gort::test]
fn a_macro_around_it() {
    macro_rules! first {
        ($($rx:expr),+; $pattern:pat => $body:expr) => {
            select! { $(recv($rx) -> $pattern => $body,)+ }
        };
    }
    let (_tx_a, a) = chan::<u8>(1);
    let (_tx_b, b) = filled([9]);
    assert_eq!(first!(a, &b; n => n.map(|n| n + 1)), Some(10));
}

macro_rules! arms_64 {
    ($rx:ident $tx:ident $n:ident) => {
        arms_64!(@16 $rx $tx $n a b c d)
    };
    (@16 $rx:ident $tx:ident $n:ident $($letter:ident)*) => {
        select! {
            $(
                recv($rx[0]) -> m => m.map(|m| m + stringify!($letter).len()),
                send($tx[0], $n) -> r, if $n > 100 => r.ok().map(|()| 0),
                recv($rx[1]) -> m => m, after(AGES) => None,
                recv($rx[2]) -> m => m, after(AGES) => None,
                recv($rx[3]) -> m => m, after(AGES) => None,
                recv($rx[4]) -> m => m, after(AGES) => None,
                recv($rx[5]) -> m => m, send($tx[0], $n + 1), if $n > 100 => None,
                recv($rx[6]) -> m => m, recv($rx[7]) -> _ => None,
            )*
        }
    };
}

#[gort::test]
fn sixty_four_arms() {
    let (tx, rx): (Vec<_>, Vec<_>) = (0..8).map(|_| chan::<usize>(1)).unzip();
    for n in 0..7 {
        tx[n].send(n + 10).unwrap();
        let got = arms_64!(rx tx n);
        assert_eq!(got, Some(if n == 0 { 11 } else { n + 10 }));
    }
}

// ---- Evaluation ----

#[gort::test]
fn what_is_off_is_not_evaluated() {
    let (tx, rx) = chan(4);
    let mut queue: VecDeque<u8> = VecDeque::new();
    let no_channel: Option<Receiver<u8>> = None;
    let no_duration = AGES.checked_sub(AGES * 2);
    let evaluated = Cell::new(0);
    let note = |channel| {
        evaluated.set(evaluated.get() + 1);
        channel
    };
    for round in 0..2 {
        select! {
            send(note(&tx), queue.pop_front().unwrap()), if !queue.is_empty() => assert_eq!(round, 1),
            recv(no_channel.as_ref().unwrap()), if no_channel.is_some() => panic!("there is none"),
            after(no_duration.unwrap()), if no_duration.is_some() => {}
            default => assert_eq!(round, 0),
        }
        assert_eq!(evaluated.get(), round);
        queue.push_back(5);
    }
    assert_eq!(rx.recv(), Some(5));
}

#[gort::test]
fn everything_on_is_evaluated_once_in_order() {
    let (_tx, rx) = chan::<u8>(1);
    let (tx, full) = filled([1]);
    let order = RefCell::new(Vec::new());
    macro_rules! note {
        ($name:literal, $value:expr) => {{
            order.borrow_mut().push($name);
            $value
        }};
    }
    select! {
        after(note!("duration", SHORT)) => {}
        recv(note!("rx", &rx)), if note!("if rx", true) => panic!("empty"),
        send(note!("tx", &tx), note!("value", 2)) => panic!("full"),
        send(note!("tx 2", &tx), note!("value 2", 2)), if note!("if tx 2", true) => panic!("full"),
        recv(note!("off", &full)), if note!("if off", false) => panic!("off"),
    }
    let expected =
        ["duration", "if rx", "rx", "tx", "value", "if tx 2", "tx 2", "value 2", "if off"];
    assert_eq!(order.into_inner(), expected);
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[gort::test]
fn unsent_values_are_dropped_once_before_the_body() {
    let drops = &AtomicUsize::new(0);
    let (tx, _full) = filled([Counted(drops)]);
    let (_tx, rx) = filled([0]);
    for n in 1..4 {
        select! {
            send(tx, Counted(drops)) => panic!("full"),
            send(tx, Counted(drops)), if n < 4 => panic!("full"),
            send(tx, Counted(drops)), if n > 4 => panic!("full"),
            recv(rx), if n == 2 => assert_eq!(drops.load(SeqCst), 4),
            default => assert_eq!(drops.load(SeqCst), 2 * n),
        }
        assert_eq!(drops.load(SeqCst), 2 * n);
    }
}

#[gort::test]
fn a_value_comes_back_from_a_closed_channel() {
    let drops = &AtomicUsize::new(0);
    let (tx, rx) = chan(1);
    drop(rx);
    select! {
        send(tx, Counted(drops)) -> result => {
            assert_eq!(drops.load(SeqCst), 0);
            drop(result.unwrap_err().0);
            assert_eq!(drops.load(SeqCst), 1);
        }
    }
    assert_eq!(drops.load(SeqCst), 1);
    // Nobody asked for it back.
    select! { send(tx, Counted(drops)) => assert_eq!(drops.load(SeqCst), 2) }
    select! { send(tx, Counted(drops)) -> _ => assert_eq!(drops.load(SeqCst), 3) }
}

#[gort::test]
fn messages_are_dropped_once() {
    let drops = &AtomicUsize::new(0);
    let (_tx, rx) = filled([(); 4].map(|()| Counted(drops)));
    select! { recv(rx) -> message => {
        assert_eq!(drops.load(SeqCst), 0);
        assert!(message.is_some());
    } }
    assert_eq!(drops.load(SeqCst), 1);
    select! { recv(rx) -> _message => assert_eq!(drops.load(SeqCst), 1) }
    assert_eq!(drops.load(SeqCst), 2);
    // Nobody wants it.
    select! { recv(rx) -> _ => assert_eq!(drops.load(SeqCst), 3) }
    select! { recv(rx) => assert_eq!(drops.load(SeqCst), 4) }
    assert_eq!(drops.load(SeqCst), 4);
}

#[gort::test]
fn locks_in_heads_are_released() {
    let state = Mutex::new(VecDeque::from([1, 2]));
    let (tx, rx) = chan(2);
    let channels = Mutex::new((tx, rx));
    select! {
        // The lock for the value is gone before the select waits, or the next line would hang.
        send(channels.lock().unwrap().0, state.lock().unwrap().pop_front().unwrap()) => {
            assert_eq!(channels.lock().unwrap().1.recv(), Some(1));
            assert_eq!(state.lock().unwrap().len(), 0);
        }
        after(Duration::from_secs(state.lock().unwrap().pop_front().unwrap())) => panic!("room"),
    }
}

#[gort::test]
fn temporaries_of_a_body_end_before_its_variables() {
    let (_tx, rx) = filled([Mutex::new(vec![1, 2, 3])]);
    let len = select! { recv(rx) -> message => message.unwrap().lock().unwrap().len() };
    assert_eq!(len, 3);
    let (_tx, rx) = filled([Mutex::new(vec![1, 2, 3])]);
    let len = select! { recv(rx) -> message => message.as_ref().unwrap().lock().unwrap().len() };
    assert_eq!(len, 3);
}

// ---- Control flow ----

#[gort::test]
fn bodies_move_and_drop_the_channels() {
    let (tx, rx) = chan(1);
    let (other_tx, other) = chan::<Receiver<u8>>(1);
    select! {
        recv(rx) => drop(rx),
        send(tx, 5) => {
            drop(tx);
            other_tx.send(rx).unwrap();
        }
    }
    let rx = select! { recv(other) -> rx => { drop((other, other_tx)); rx.unwrap() } };
    assert_eq!((rx.recv(), rx.recv()), (Some(5), None));
}

#[gort::test]
fn a_body_may_replace_its_channel() {
    let (tx, mut rx) = filled([1]);
    let mut open = Some(tx);
    select! {
        recv(rx) -> message => {
            open = None;
            rx = chan(1).1;
            assert_eq!((message, rx.recv()), (Some(1), None));
        }
        send(open.as_ref().unwrap(), 7), if open.is_some() => panic!("full"),
    }
    assert!(open.is_none());
}

#[gort::test]
fn break_and_continue() {
    let (tx, rx) = filled(0..10);
    drop(tx);
    let mut odd = Vec::new();
    let last = 'outer: loop {
        for _ in 0..3 {
            select! {
                recv(rx) -> n => match n {
                    None => break 'outer "closed",
                    Some(n) if n % 2 == 0 => continue,
                    Some(7) => continue 'outer,
                    Some(n) => odd.push(n),
                },
                after(AGES) => break,
            }
        }
    };
    assert_eq!((last, odd), ("closed", vec![1, 3, 5, 9]));
}

#[gort::test]
fn control_flow_in_heads() {
    fn head(channel: Option<&Receiver<u8>>, text: &str) -> Result<u8, Box<dyn Error>> {
        let (tx, _rx) = chan(0);
        let n = 'search: loop {
            select! {
                recv(channel.ok_or("no channel")?) -> n => return Ok(n.unwrap()),
                send(tx, text.parse::<u8>()?), if !text.is_empty() => {}
                after(if text == "1" { break 9 } else { SHORT }) => {}
                after(if text == "2" { break 'search 8 } else { SHORT }), if text == "2" => {}
            }
        };
        Ok(n)
    }
    let (_tx, rx) = filled([5]);
    assert_eq!(head(None, "").unwrap_err().to_string(), "no channel");
    assert!(head(Some(&rx), "text").unwrap_err().is::<ParseIntError>());
    assert_eq!(head(Some(&rx), "1").unwrap(), 9);
    assert_eq!(head(Some(&rx), "2").unwrap(), 8);
    assert_eq!(head(Some(&rx), "").unwrap(), 5);
}

#[gort::test]
fn return_and_question_mark() {
    fn parse(rx: &Receiver<&str>) -> Result<u32, ParseIntError> {
        let n = select! {
            recv(rx) -> text => text.unwrap_or("9").parse::<u32>()?,
            after(SHORT) => return Ok(0),
        };
        Ok(n + 1)
    }
    let (tx, rx) = filled(["1", "x"]);
    assert_eq!(parse(&rx), Ok(2));
    assert!(parse(&rx).is_err());
    assert_eq!(parse(&rx), Ok(0));
    drop(tx);
    assert_eq!(parse(&rx), Ok(10));
}

#[gort::test]
fn no_arms_wait_for_ever() {
    fn for_ever() -> u8 {
        select! {}
    }
    fn for_ever_biased() -> ! {
        select_biased! {}
    }
    let (tx, rx) = chan::<u8>(0);
    if tx.capacity() > 0 {
        for_ever();
        for_ever_biased();
    }
    select! {
        recv(rx) => panic!("empty"),
        after(SHORT) => {}
    }
}

#[gort::test]
fn in_generic_code() {
    fn first<T: Send, const N: usize>(channels: [&Receiver<T>; N]) -> Option<T> {
        select! {
            recv(channels[0]) -> message => message,
            recv(channels[N - 1]) -> message => message,
        }
    }
    let (tx, a) = chan::<String>(1);
    let (_tx, b) = chan(1);
    tx.send("text".into()).unwrap();
    assert_eq!(first([&b, &a]).as_deref(), Some("text"));
}

// ---- go! ----

#[gort::test]
fn go_takes_closures() {
    let (tx, rx) = chan(0);
    go!(|| {});
    go!(|| -> u8 { 1 });
    let sender = tx.clone();
    go!(move || sender.send(1));
    let sender = tx.clone();
    go!(move || -> Result<(), SendError<i32>> { sender.send(2) });
    drop(tx);
    assert_eq!(rx.iter().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
}

static CALLS: AtomicUsize = AtomicUsize::new(0);

fn call() -> usize {
    CALLS.fetch_add(1, SeqCst)
}

mod inner {
    pub(crate) fn generic<T: Default + Into<usize>>() {
        super::CALLS.fetch_add(T::default().into() + 1, super::SeqCst);
    }
}

#[gort::test]
fn go_takes_what_can_be_called() {
    struct Worker {
        callback: fn() -> usize,
    }
    impl Worker {
        fn work() {
            call();
        }
        fn start(&self) {
            go!(Self::work);
            go!(self.callback);
        }
    }
    let closure = || call();
    go!(call);
    go!(closure);
    go!(self::call);
    go!(crate::call);
    go!(inner::generic::<u8>);
    go!(inner::generic::<usize>);
    Worker { callback: call }.start();
    let start = Instant::now();
    while CALLS.load(SeqCst) < 8 && start.elapsed() < AGES {
        gort::yield_now();
    }
    assert_eq!(CALLS.load(SeqCst), 8);
}

#[gort::test]
fn go_takes_expressions() {
    fn worker<T>(tx: Sender<T>, value: T) -> Result<(), SendError<T>> {
        tx.send(value)
    }
    let (tx, rx) = chan(0);
    let senders = [tx.clone(), tx.clone(), tx.clone(), tx.clone()];
    let [a, b, c, d] = senders;
    go!(worker(a, 1));
    go!(worker::<u32>(b, 2));
    go!(c.send(3));
    go!(if d.send(4).is_ok() {
        d.send(5).unwrap()
    });
    go!({
        tx.send(6).unwrap();
        tx.send(7).unwrap();
    });
    assert_eq!(rx.iter().collect::<BTreeSet<_>>(), (1..=7).collect());
}

// ---- Attributes ----

/// With documentation.
#[gort::main]
fn doubled(n: u32, mut text: String) -> (u32, String) {
    text.push('!');
    if n == 0 {
        return (0, text);
    }
    (n * 2, text)
}

#[gort::main(crate = ::gort)]
pub(crate) fn generic<T, const N: usize>(value: &T) -> Vec<T>
where
    T: Clone + Send + Sync,
{
    vec![value.clone(); N]
}

#[gort::main]
fn opaque(n: u8) -> impl Iterator<Item = u8> + Send {
    0..n
}

#[test]
fn main_keeps_parameters_and_results() {
    assert_eq!(doubled(0, "a".into()), (0, "a!".into()));
    assert_eq!(doubled(4, "a".into()), (8, "a!".into()));
    assert_eq!(generic::<_, 3>(&'x'), ['x'; 3]);
    assert_eq!(opaque(3).collect::<Vec<_>>(), [0, 1, 2]);
}

mod mains {
    use super::*;

    pub(super) mod unit {
        #[gort::main]
        pub(crate) fn main() {
            super::call_later();
        }
    }
    pub(super) mod result {
        #[gort::main]
        pub(crate) fn main() -> Result<(), Box<dyn super::Error>> {
            let n: u8 = "300".parse()?;
            unreachable!("{n}");
        }
    }
    pub(super) mod code {
        #[gort::main]
        pub(crate) fn main() -> std::process::ExitCode {
            std::process::ExitCode::from(3)
        }
    }
    pub(super) mod opaque {
        #[gort::main]
        pub(crate) fn main() -> impl std::process::Termination {
            Err::<(), _>(std::rc::Rc::new("not Send"))
        }
    }
    pub(super) mod never {
        #[gort::main]
        pub(crate) fn main() -> ! {
            panic!("on purpose")
        }
    }
    pub(super) fn call_later() {}
}

#[test]
fn main_returns_what_main_may() {
    mains::unit::main();
    assert_eq!(mains::result::main(), ExitCode::FAILURE);
    assert_eq!(mains::code::main(), ExitCode::from(3));
    assert_eq!(mains::opaque::main(), ExitCode::FAILURE);
    assert!(std::panic::catch_unwind(|| mains::never::main()).is_err());
}

#[gort::test(processors = 1)]
fn one_processor() {
    assert_eq!(gort::gomaxprocs(), 1);
    let (tx, rx) = chan(0);
    go!(move || tx.send(1));
    assert_eq!(rx.recv(), Some(1));
}

const THREE: usize = 3;

#[gort::test(processors = usize::min(THREE, 4), crate = gort)]
fn computed_processors() -> Result<(), Box<dyn Error>> {
    assert_eq!(gort::gomaxprocs(), "3".parse()?);
    Ok(())
}

#[gort::test]
#[should_panic(expected = "on purpose")]
fn a_panic_fails_the_test() {
    panic!("on purpose");
}

#[gort::test(processors = 1)]
#[should_panic(expected = "on purpose")]
fn a_panic_fails_the_test_on_a_runtime_of_its_own() {
    panic!("on purpose");
}

#[gort::test]
#[ignore = "it shows that ignored tests do not run"]
fn ignored() {
    panic!("this test is ignored");
}

#[gort::test]
fn exit_code() -> ExitCode {
    ExitCode::SUCCESS
}

macro_rules! make_test {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $type:ty, $body:block) => {
        #[gort::test]
        $(#[$attribute])*
        $vis fn $name() -> $type $body
    };
}

make_test!(
    #[should_panic(expected = "on purpose")]
    explicit_unit,
    (),
    { panic!("on purpose") }
);

make_test!(pub(crate) from_a_macro, Result<(), ParseIntError>, {
    "1".parse::<u8>()?;
    Ok(())
});
