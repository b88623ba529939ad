use gort::{chan, go};

fn main() {
    gort::run(|| {
        let (tx, rx) = chan(0);
        go!(move || tx.send("hello").unwrap());
        println!("{}", rx.recv().unwrap());
    });
}
