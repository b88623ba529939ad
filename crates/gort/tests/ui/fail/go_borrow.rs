use gort::go;

fn main() {
    let n = 1;
    go!(|| println!("{n}"));
    let text = String::from("text");
    let borrowed = &text;
    go!(println!("{borrowed}"));
}
