//! Panics: who is told, and that everybody else goes on.

#[path = "../support/mod.rs"]
mod support;

mod told;
mod unwinding;

/// Panics on purpose: with a message that the hook of [`quiet`] does not show.
fn expected() -> ! {
    panic!("expected")
}

/// Keeps the hook from printing what is expected, thousands of times.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref() != Some(&"expected") {
                hook(info);
            }
        }));
        gort::set_panic_handler(|_| ());
    });
}
