use std::sync::mpsc;
use std::thread;

fn main() {
    let (tx, rx) = mpsc::sync_channel(0);
    thread::spawn(move || tx.send("hello").unwrap());
    println!("{}", rx.recv().unwrap());
}
