use gort::chan::chan;
use gort::select;

struct Inputs {
    rx: u8,
}

fn main() {
    let (tx, rx) = chan::<u8>(1);
    let inputs = Inputs { rx: 1 };

    // Not channels.
    select! { recv(tx) => {} }
    select! { recv(inputs.rx) -> v => println!("{v:?}") }
    select! { send(rx, 1) => {} }

    // Wrong values.
    select! { send(tx, "text") => {} }
    select! { after(5) => {} }
    select! { recv(rx), if rx.len() => {} }
    select! { recv(rx), if let Ok(v) = rx.try_recv() => {} }

    // Wrong results.
    let n: u8 = select! {
        recv(rx) -> v => v,
        default => 1,
    };
    let m = select! {
        recv(rx) -> v => v,
        send(tx, n) => 1,
        default => "text",
    };
    let unused = select! { recv(nowhere) -> v => v };
    drop((m, unused));
}
