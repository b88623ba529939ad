//! What `#[gort::main]` and `#[gort::test]` make of functions.

use gort::chan::chan;
use gort::go;
use std::error::Error;
use std::num::ParseIntError;
use std::process::ExitCode;

/// With documentation.
#[gort::main]
fn doubled(n: u32, mut text: String) -> (u32, String) {
    text.push('!');
    if n == 0 {
        return (0, text);
    }
    (n * 2, text)
}

#[gort::main(crate = ::gort)]
pub(crate) fn generic<T, const N: usize>(value: &T) -> Vec<T>
where
    T: Clone + Send + Sync,
{
    vec![value.clone(); N]
}

#[gort::main]
fn opaque(n: u8) -> impl Iterator<Item = u8> + Send {
    0..n
}

#[gort::main]
fn with_attributes_within(n: u32) -> u32 {
    //! With documentation.
    #![expect(unreachable_code, reason = "that is what the attribute is about")]
    return n + 1;
    n
}

#[test]
fn main_keeps_parameters_and_results() {
    assert_eq!(doubled(0, "a".into()), (0, "a!".into()));
    assert_eq!(doubled(4, "a".into()), (8, "a!".into()));
    assert_eq!(with_attributes_within(1), 2);
    assert_eq!(generic::<_, 3>(&'x'), ['x'; 3]);
    assert_eq!(opaque(3).collect::<Vec<_>>(), [0, 1, 2]);
}

mod mains {
    use super::*;

    pub(super) mod unit {
        #[gort::main]
        pub(crate) fn main() {
            super::call_later();
        }
    }
    pub(super) mod result {
        #[gort::main]
        pub(crate) fn main() -> Result<(), Box<dyn super::Error>> {
            let n: u8 = "300".parse()?;
            unreachable!("{n}");
        }
    }
    pub(super) mod code {
        #[gort::main]
        pub(crate) fn main() -> std::process::ExitCode {
            std::process::ExitCode::from(3)
        }
    }
    pub(super) mod opaque {
        #[gort::main]
        pub(crate) fn main() -> impl std::process::Termination {
            Err::<(), _>(std::rc::Rc::new("not Send"))
        }
    }
    pub(super) mod never {
        #[gort::main]
        pub(crate) fn main() -> ! {
            panic!("on purpose")
        }
    }
    pub(super) fn call_later() {}
}

#[test]
fn main_returns_what_main_may() {
    mains::unit::main();
    assert_eq!(mains::result::main(), ExitCode::FAILURE);
    assert_eq!(mains::code::main(), ExitCode::from(3));
    assert_eq!(mains::opaque::main(), ExitCode::FAILURE);
    assert!(std::panic::catch_unwind(|| mains::never::main()).is_err());
}

#[gort::test(processors = 1)]
fn one_processor() {
    assert_eq!(gort::gomaxprocs(), 1);
    let (tx, rx) = chan(0);
    go!(move || tx.send(1));
    assert_eq!(rx.recv(), Some(1));
}

const THREE: usize = 3;

#[gort::test(processors = usize::min(THREE, 4), crate = gort)]
fn computed_processors() -> Result<(), Box<dyn Error>> {
    assert_eq!(gort::gomaxprocs(), "3".parse()?);
    Ok(())
}

#[gort::test]
#[should_panic(expected = "on purpose")]
fn a_panic_fails_the_test() {
    panic!("on purpose");
}

#[gort::test(processors = 1)]
#[should_panic(expected = "on purpose")]
fn a_panic_fails_the_test_on_a_runtime_of_its_own() {
    panic!("on purpose");
}

#[gort::test]
#[ignore = "it shows that ignored tests do not run"]
fn ignored() {
    panic!("this test is ignored");
}

#[gort::test]
fn exit_code() -> ExitCode {
    ExitCode::SUCCESS
}

macro_rules! make_test {
    ($(#[$attribute:meta])* $vis:vis $name:ident, $type:ty, $body:block) => {
        #[gort::test]
        $(#[$attribute])*
        $vis fn $name() -> $type $body
    };
}

make_test!(
    #[should_panic(expected = "on purpose")]
    explicit_unit,
    (),
    { panic!("on purpose") }
);

make_test!(pub(crate) from_a_macro, Result<(), ParseIntError>, {
    "1".parse::<u8>()?;
    Ok(())
});
