//! The audit of what blocks with values of the thread.

use super::support;
use gort::Runtime;
use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

thread_local! {
    static CACHED: RefCell<Option<Rc<u32>>> = const { RefCell::new(None) };
}

#[inline(never)]
fn waits_with_a_value_of_the_thread() {
    let held = CACHED.with_borrow_mut(|cached| cached.get_or_insert_with(|| Rc::new(7)).clone());
    gort::sleep(Duration::from_micros(10));
    assert_eq!(*black_box(held), 7);
}

#[inline(never)]
fn waits_with_nothing() {
    gort::sleep(Duration::from_micros(10));
}

#[test]
fn the_audit_names_who_waits_with_a_value_of_the_thread() {
    if support::in_child() {
        let builder = Runtime::builder().processors(1).audit(true);
        builder.build().unwrap().run(|| {
            waits_with_nothing();
            waits_with_a_value_of_the_thread();
            waits_with_a_value_of_the_thread();
        });
        return;
    }
    let test = "audit::the_audit_names_who_waits_with_a_value_of_the_thread";
    let output = support::child(test, |_| {});
    support::assert_success(&output);
    let told = support::stderr(&output);
    assert!(told.contains("waits_with_a_value_of_the_thread"), "{told}");
    assert!(!told.contains("waits_with_nothing"), "{told}");
}
