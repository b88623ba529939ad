use gort::go;

fn with_parameter(_: u8) {}

fn main() {
    let n = 1;
    go!();
    go!(|n: u8| println!("{n}"));
    go!(move |n: u8| println!("{n}"));
    go!(with_parameter);
    go!(n);
    go!(async {});
    go!(async move { println!("{n}") });
}
