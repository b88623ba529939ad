//! Steps with contexts, and calls to come.

use super::steps::Member;
use super::wait::{Ctx, For};
use gort::context;
use std::sync::atomic::Ordering::SeqCst;

impl Member {
    pub(super) fn context(&mut self) {
        let things = self.things.clone();
        let of = self.at(things.contexts.len());
        let parent = &things.contexts[of].0;
        let time = self.time();
        match self.random.below(4) {
            0 => {
                let (child, cancel) = context::with_timeout(parent, time);
                let what = vec![For::OtherContext(Ctx(child.clone()))];
                assert!(self.wait("child context", what, || child.done().recv()).is_none());
                drop(cancel);
            }
            1 if !self.timed => {
                let (child, cancel) = context::with_cancel(parent);
                let child = context::with_value(&child, self.things.ledger.token());
                let cancels = self.random.one_in(2);
                if cancels {
                    gort::go!(move || cancel.cancel());
                }
                let mut what = vec![For::OtherContext(Ctx(child.clone()))];
                let bell = &things.bells[0];
                let (sent, heard) =
                    (bell.signals.sent.load(SeqCst), bell.signals.heard.load(SeqCst));
                what.push(For::Bell(0, sent, heard));
                let came =
                    self.wait("child or bell", what, || bell.notify.wait_context(&child).is_ok());
                bell.signals.heard.fetch_add(usize::from(came), SeqCst);
                assert!(came || child.is_done());
            }
            2 => {
                let token = self.things.ledger.token();
                let ring = self.things.clone();
                let call = context::after_func(parent, move || {
                    drop(token);
                    ring.bells[0].signals.sent.fetch_add(1, SeqCst);
                    ring.bells[0].notify.notify_one();
                });
                self.holding(self.rank, 1);
                if self.random.one_in(2) {
                    call.stop();
                }
            }
            _ => {
                let token = self.things.ledger.token();
                let ring = self.things.clone();
                let call = gort::time::after_func(time, move || {
                    let _token = &token;
                    ring.bells[1].signals.sent.fetch_add(1, SeqCst);
                    ring.bells[1].notify.notify_one();
                });
                self.holding(self.rank, 1);
                match self.random.below(3) {
                    0 => _ = call.stop(),
                    1 => _ = call.reset(time),
                    _ => {}
                }
            }
        }
    }
}
