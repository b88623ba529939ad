use gort::chan::chan;
use gort::select;

fn main() {
    let (tx, rx) = chan::<String>(1);
    let text = String::from("text");
    select! {
        send(tx, text) => {}
        recv(rx) -> _ => println!("{text}"),
    }

    // The label of the loop is needed here.
    loop {
        select! {
            recv(if rx.is_empty() { break } else { &rx }), if !rx.is_empty() => {}
            default => {}
        }
    }
}
