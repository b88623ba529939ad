#[gort::main(flavor = "current_thread")]
fn unknown() {}

#[gort::main(processors = 1, processors = 2)]
fn twice() {}

#[gort::test(processors)]
fn no_value() {}

#[gort::test(processors =)]
fn still_no_value() {}

#[gort::main("multi_thread")]
fn not_even_a_name() {}

#[gort::main(processors = "two")]
fn wrong_type() {}

fn main() {}
