use gort::chan::chan;
use gort::select;

fn main() {
    let (_tx, rx) = chan::<u8>(1);
    select! {
        recv(rx) -> n @ Some(1..) => println!("{n:?}"),
    }
}
