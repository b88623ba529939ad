//! Tells of goroutines that have waited long for their [home](super::home): where another computes or blocks its thread, and
//! does not come back to the runtime, nobody else may run them, and they may wait for ever.

use super::Shared;
use super::machine::Machine;
use crate::clock;
use crate::goroutine::BOUND;
use crate::tell::tell;
use std::collections::HashMap;
use std::time::Duration;

/// Between two looks. Who is first in its home's list at both is told of.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the [monitor](super::monitor) remembers of them.
#[derive(Default)]
pub(crate) struct Homebound {
    next: u64,
    /// By their machines: the first in the list, and whether it has been told of.
    first: HashMap<u32, (u64, bool)>,
}

impl Homebound {
    /// When to look next, if anybody waits for its home.
    pub(super) fn due(&self, shared: &Shared) -> Option<u64> {
        shared.machines().any(|machine| machine.bound.len() > 0).then_some(self.next)
    }

    pub(super) fn look_if_due(&mut self, shared: &Shared) {
        let now = clock::now();
        if now >= self.next {
            self.next = now + PATIENCE.as_nanos() as u64;
            self.look(shared, |message| tell(format_args!("{message}")));
        }
    }

    fn look(&mut self, shared: &Shared, mut tell: impl FnMut(String)) {
        let before = std::mem::take(&mut self.first);
        for machine in shared.machines() {
            let first = machine
                .bound
                .with_first(|first| (first.id.get(), first.name().cloned(), first.has_flag(BOUND)));
            let Some((id, name, is_bound)) = first else { continue };
            let told = match before.get(&machine.number) {
                Some(&(same, told)) if same == id => {
                    if !told {
                        tell(message(machine, id, name.as_deref(), is_bound));
                    }
                    true
                }
                _ => false,
            };
            self.first.insert(machine.number, (id, told));
        }
    }
}

fn message(machine: &Machine, id: u64, name: Option<&str>, is_bound: bool) -> String {
    let name = name.map_or(String::new(), |name| format!(" '{name}'"));
    let thread = format!("{}-{}", machine.shared().name, machine.number);
    let does = if machine.sleeps() { "blocks" } else { "computes" };
    let why = if is_bound {
        "it is to run nowhere else"
    } else {
        "on its stack lies what may be a pointer to a variable of that thread"
    };
    format!(
        "goroutine {id}{name} has waited for {PATIENCE:?} for its thread, {thread}, where another goroutine {does}: {why}"
    )
}

#[cfg(all(test, not(loom), not(feature = "threads")))]
mod tests {
    use super::Homebound;
    use crate::{Runtime, spawn_local, tls};

    #[test]
    fn who_waits_for_its_home_is_told_of_once() {
        let runtime = Runtime::builder().processors(1).name("town").build().unwrap();
        let told = runtime.run(|| {
            let mut homebound = Homebound::default();
            let mut looks = |told: &mut Vec<_>, times| {
                let machine = tls::machine().expect("a goroutine runs on a machine");
                for _ in 0..times {
                    homebound.look(machine.shared(), |message| told.push(message));
                }
            };
            let mut told = Vec::new();
            looks(&mut told, 3);
            assert!(told.is_empty() && homebound_is_idle(), "nobody waits");
            let local = spawn_local(|| ());
            looks(&mut told, 1);
            assert!(told.is_empty(), "it waits since a moment ago");
            looks(&mut told, 3);
            let id = local.id();
            local.join().unwrap();
            looks(&mut told, 3);
            assert!(homebound_is_idle(), "nobody waits any more");
            (id, told)
        });
        let (id, told) = told;
        let expected = format!(
            "goroutine {id} has waited for 10s for its thread, town-0, where another goroutine computes: it is to run nowhere else"
        );
        assert_eq!(told, [expected]);
    }

    fn homebound_is_idle() -> bool {
        let machine = tls::machine().expect("a goroutine runs on a machine");
        Homebound::default().due(machine.shared()).is_none()
    }
}
