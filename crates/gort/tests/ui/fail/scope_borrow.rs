//! What a scope's goroutines borrow lives outside of it: not in the scope's function, nor in a goroutine's.

fn main() {
    gort::scope(|s| {
        let local = 1;
        s.go(|| println!("{local}"));
    });
    gort::scope(|s| {
        s.go(|| {
            let local = 1;
            s.go(|| println!("{local}"));
        });
    });
}
