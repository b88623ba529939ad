//! Channels that are closed under a select.

use crate::chan_world::{World, join_all};
use crate::support::Tally;
use gort::chan::{SendError, TryRecvError, chan};
use gort::select;

in_all_worlds! {
    closing_wakes_a_select
    closing_gives_a_select_its_message_back
    a_message_that_is_there_is_never_missed
}

fn closing_wakes_a_select(world: World) {
    world.run(move || {
        let ((ta, ra), (tb, rb)) = (chan::<u8>(0), chan::<u8>(0));
        let selects = world.spawn_all(20, |_| {
            let (ra, rb) = (ra.clone(), rb.clone());
            Box::new(move || {
                select! {
                    recv(ra) -> message => (0, message),
                    recv(rb) -> message => (1, message),
                }
            })
        });
        gort::yield_now();
        drop(tb);
        assert_eq!(join_all(selects), [(1, None); 20]);
        // And they are off the other channel's list.
        assert!(ta.try_send(1).unwrap_err().is_full());
    });
}

fn closing_gives_a_select_its_message_back(world: World) {
    world.run(move || {
        let ((ta, ra), (tb, rb)) = (chan(0), chan(0));
        let tally = Tally::new();
        let tokens = (tally.token(), tally.token());
        let selecting = world.spawn(move || {
            select! {
                send(ta, tokens.0) -> result => result.map_err(SendError::into_inner),
                send(tb, tokens.1) -> result => result.map_err(SendError::into_inner),
            }
        });
        gort::yield_now();
        rb.close();
        let back = selecting.join();
        assert!(back.is_err());
        assert_eq!(tally.alive(), 1);
        drop(back);
        assert_eq!(tally.alive(), 0);
        assert_eq!(ra.try_recv().err(), Some(TryRecvError::Closed));
    });
}

/// What was sent before is there, whatever else becomes of the channel meanwhile.
fn a_message_that_is_there_is_never_missed(world: World) {
    world.run(move || {
        for _ in 0..300 {
            let ((ta, ra), (_tb, rb)) = (chan(1), chan::<i32>(1));
            ta.send(1).unwrap();
            let other = world.spawn(move || {
                select! {
                    recv(ra) -> message => message,
                    recv(rb) -> message => message,
                    default => Some(0),
                }
            });
            ta.close();
            assert_eq!(other.join(), Some(1));
        }
    });
}
