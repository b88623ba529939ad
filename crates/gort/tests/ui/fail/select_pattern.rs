use gort::chan::chan;
use gort::select;

fn main() {
    let (tx, rx) = chan::<u8>(1);
    select! { recv(rx) -> Some(n) => println!("{n}") }
    select! { recv(rx) -> None, if rx.is_empty() => {} }
    select! { send(tx, 1) -> Ok(()) => {} }
    select! { send(tx, 1) -> Err(_) => {} }
}
