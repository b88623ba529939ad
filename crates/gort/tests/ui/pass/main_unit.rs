#[gort::main]
fn main() {
    let (tx, rx) = gort::chan::chan(0);
    gort::go!(move || tx.send(1));
    assert_eq!(rx.recv(), Some(1));
}
