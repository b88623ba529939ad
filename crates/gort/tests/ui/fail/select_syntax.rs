use gort::chan::chan;
use gort::{select, select_biased};

fn main() {
    let (tx, rx) = chan::<u8>(1);

    // Arms that do not exist.
    select! { receive(rx) -> v => {} }
    select! { recv(rx) => {} sned(tx, 1) => {} }
    select! { recv(rx) => {}, 5 => {} }
    select! { default => {} _ => {} }
    select! { v = rx => {} }
    select_biased! { (rx) => {} }

    // Wrong arguments.
    select! { recv => {} }
    select! { recv() -> v => {} }
    select! { recv(rx, 1) -> v => {} }
    select! { send(tx) => {} }
    select! { send(tx, 1, 2) => {} }
    select! { send(, 1) => {} }
    select! { after() => {} }
    select! { after[Default::default()] => {} }

    // Wrong heads.
    select! { recv(rx) -> v {} }
    select! { recv(rx) {} }
    select! { recv(rx) }
    select! { recv(rx) -> v, send(tx, 1) => {} }
    select! { recv(rx) -> => {} }
    select! { recv(rx) -> v if true => {} }
    select! { recv(rx) -> v, if => {} }
    select! { recv(rx) -> v, if true }
    select! { after(Default::default()) -> v => {} }
    select! { after(Default::default()) }

    // The default.
    select! { default => {} default => {} }
    select! { default, if true => {} }
    select! { default -> v => {} }
    select! { default {} }

    // Between arms.
    select! { recv(rx) -> v => v.is_some() send(tx, 1) => false }
    select! { recv(rx) => 1 default => 2 }
    select! { recv(rx) => , default => 2 }
    select! { recv(rx) => }
}
