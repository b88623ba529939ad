use tokio::runtime::Runtime;
use tokio::sync::mpsc;

fn main() {
    Runtime::new().unwrap().block_on(async {
        let (tx, mut rx) = mpsc::channel(1);
        tokio::spawn(async move { tx.send("hello").await.unwrap() });
        println!("{}", rx.recv().await.unwrap());
    });
}
