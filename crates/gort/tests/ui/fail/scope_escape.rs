//! Neither a scope nor a handle leaves the scope's function, and none is made to borrow for less.

fn shortened<'short, 'scope, 'env>(
    s: &'short gort::Scope<'scope, 'env>,
) -> &'short gort::Scope<'short, 'env> {
    s
}

fn main() {
    let text = String::from("borrowed");
    let handle = gort::scope(|s| s.go(|| text.len()));
    let mut kept = None;
    gort::scope(|s| kept = Some(s));
    let _ = (handle, kept);
}
