//! How a select over many arms runs that all receive: the arms stay with their channels from one run to the next, so that a
//! message costs the same however many there are.
//!
//! Arms are *loose* or *stand* in their channels' lists, under the tickets of a [standing](crate::park::standing) wait.
//! Only loose ones need a look: one that stands had nothing to receive when it was registered, and what has come
//! since would have taken it off the list, which makes it loose (by a note, or as the arm that is served). The
//! invariants S1 to S5 hold as for other selects, but for one thing: while arms are registered the wait is not open yet. For S3
//! that is enough as there are no arms that send: two selects of which each takes the other's arm off, over and over, would
//! need one that sends in both.
//!
//! (One message in turn on each of so many channels, `peer-gort select_many w=2 arms=1024`: 320 to 380 ns each, where registering
//! took 5 to 9 µs; with 4,096 arms 0.5 to 0.8 µs instead of 10 to 37. That it took the one time and the other depended on
//! whether the message or the select came first, again and again: one that finds its message registers nothing.)
//!
//! Rejected: tickets for the caller's own wait that stay where they are. Then a select that is leaked leaves pointers to a
//! goroutine that may be gone, or to a thread's stack. And a look at all arms before they are registered, also when they are many: a
//! select that always finds a message never waits, so its arms would stay loose, and half of them be looked at each time.

use super::any_arm::AnyArm;
use super::engine::{Arms, FEW, RawArm};
use super::order::{self, next_random};
use crate::chan::register::Registered;
use crate::clock::Deadline;
use crate::park::standing::{Standing, Stood};
use crate::park::{self, Outcome};

#[derive(Debug)]
pub(super) struct StandingArms {
    /// Boxed, as channels point to it.
    wait: Box<Standing>,
    /// The arms that are in no list.
    loose: Vec<u32>,
    /// For how many arms there is room for notes.
    room: usize,
    random: u64,
}

/// Why a run was given up.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum GivenUp {
    /// There is an arm that time sends to: it has a deadline, or may get one when its timer is set, which a standing wait does not
    /// look after. Others may stand.
    CannotStand,
    /// The runtime is being shut down: the caller is to [unwind](park::unwind).
    Shutdown,
}

impl StandingArms {
    /// None stands yet.
    pub(super) fn new(arms: usize, random: u64) -> StandingArms {
        StandingArms {
            wait: Box::new(Standing::new(arms)),
            loose: (0..arms as u32).collect(),
            room: arms,
            random,
        }
    }

    /// There is one arm more.
    pub(super) fn add(&mut self, index: usize) {
        self.loose.push(index as u32);
        if self.room <= index {
            self.room = (index + 1) * 2;
            self.wait.make_room(self.room);
        }
    }

    /// Waits until an arm goes ahead. `None`: none did until `deadline`.
    ///
    /// # Errors
    /// If it was given up. Then no arm has gone ahead.
    pub(super) fn run<'a, A>(
        &mut self,
        arms: &A,
        deadline: Deadline,
    ) -> Result<Option<usize>, GivenUp>
    where
        A: Arms<Arm = dyn AnyArm + 'a> + ?Sized,
    {
        park::checkpoint();
        loop {
            let loose = &mut self.loose;
            loose.reserve(self.room - loose.len());
            self.wait.take_notes(|arm| loose.push(arm));
            if let Some(index) = self.try_or_register(arms)? {
                return Ok(Some(index));
            }
            match self.wait.wait(deadline) {
                Stood::Served(index) => {
                    self.serve(arms.arm(index), index);
                    return Ok(Some(index));
                }
                Stood::Noted => {}
                Stood::TimedOut => return Ok(None),
                Stood::Shutdown(served) => {
                    if let Some(index) = served {
                        self.serve(arms.arm(index), index);
                        arms.arm(index).abandon();
                    }
                    return Err(GivenUp::Shutdown);
                }
            }
        }
    }

    fn serve<'a>(&mut self, arm: &(dyn AnyArm + 'a), index: usize) {
        arm.win();
        self.loose.push(index as u32);
    }

    /// Tries the loose arms, in a random order, and registers those that are not ready. `None`: all stand.
    ///
    /// Of a few all are looked at before the first is registered: who was served last is most likely to be ready next, and
    /// would be taken off its list again at once.
    fn try_or_register<'a, A>(&mut self, arms: &A) -> Result<Option<usize>, GivenUp>
    where
        A: Arms<Arm = dyn AnyArm + 'a> + ?Sized,
    {
        let mut looked = false;
        loop {
            let count = self.loose.len();
            if count == 0 {
                return Ok(None);
            }
            self.random = next_random(self.random);
            if (2..=FEW).contains(&count) && !looked {
                looked = true;
                if let Some(index) = self.try_few(arms) {
                    return Ok(Some(index));
                }
            }
            let place = order::below(self.random, count);
            let index = self.loose[place] as usize;
            let arm = arms.arm(index);
            if arm.looks_ready() && arm.attempt() {
                return Ok(Some(index));
            }
            arm.set_standing(true);
            // SAFETY: arms are boxed, and unregistered before they are removed, or dropped, or before this is; one that is
            // leaked stays where it is, as does the wait.
            match unsafe { arm.register(self.wait.ticket(), index) } {
                Registered::Waiting | Registered::Off => {
                    self.loose.swap_remove(place);
                }
                Registered::Until(_) => return Err(GivenUp::CannotStand),
                // It looks ready now.
                Registered::Ready => {}
            }
        }
    }

    fn try_few<A: Arms + ?Sized>(&self, arms: &A) -> Option<usize> {
        let arm = |place: usize| arms.arm(self.loose[place] as usize);
        let place = order::in_steps(self.loose.len(), self.random)
            .find(|&place| arm(place).looks_ready() && arm(place).attempt());
        place.map(|place| self.loose[place] as usize)
    }
}

const _: () = assert!(Outcome::MAX_ARMS <= u32::MAX as usize);
