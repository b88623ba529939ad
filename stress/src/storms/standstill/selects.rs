//! Steps with selects of every make.

use super::steps::Member;
use super::wait::For;
use gort::select::Select;
use std::time::Instant;

impl Member {
    /// Any arms.
    pub(super) fn select(&mut self) {
        let things = self.things.clone();
        let mut what = Vec::new();
        let mut select = Select::new();
        if self.random.one_in(3) {
            select = select.biased();
        }
        let mut arms = Vec::new();
        for _ in 0..1 + self.at(5) {
            let at = self.channel();
            match self.random.below(8) {
                0..3 => {
                    let Some(message) = self.message() else { continue };
                    arms.push((0, at, select.send(&things.channels[at].tx, message)));
                    what.push(For::Send(at));
                }
                3..6 => {
                    arms.push((1, at, select.recv(&things.channels[at].rx)));
                    what.push(For::Receive(at));
                }
                6 => {
                    let at = self.at(things.alarms.len());
                    arms.push((2, at, select.recv(things.alarms[at].timer.receiver())));
                    what.push(For::Alarm(at));
                }
                _ => {
                    let at = self.at(things.contexts.len());
                    arms.push((3, at, select.recv(things.contexts[at].0.done())));
                    what.push(For::Context(at));
                }
            }
        }
        if arms.is_empty() {
            return;
        }
        let putting_back = self.random.one_in(6);
        let runs = 1 + self.at(2);
        for _ in 0..runs {
            let timed = self.timed || self.weather.timed && self.random.one_in(3);
            let time = self.time();
            let now = self.random.one_in(8);
            let spent = {
                let chosen = if now {
                    select.try_select().ok()
                } else if timed {
                    let mut what = what.clone();
                    what.push(For::Time(Instant::now() + time));
                    self.wait("select in time", what, || select.select_timeout(time).ok())
                } else {
                    self.wait("select", what.clone(), || Some(select.select()))
                };
                let Some(operation) = chosen else { continue };
                let index = operation.index();
                let place = arms.iter().position(|arm| arm.2 == index).expect("one of its arms");
                let (kind, at, _) = arms[place];
                match kind {
                    0 => {
                        let result = operation.send(&things.channels[at].tx);
                        self.sent(result.map_err(|error| error.0));
                    }
                    1 if putting_back => drop(operation),
                    1 => self.got(operation.recv(&things.channels[at].rx)),
                    2 => {
                        operation.recv(things.alarms[at].timer.receiver());
                        things.alarms[at].rang();
                    }
                    _ => assert!(operation.recv(things.contexts[at].0.done()).is_none()),
                }
                (kind == 0).then_some(place)
            };
            if let Some(place) = spent {
                let (_, at, index) = arms.remove(place);
                select.remove(index);
                what.retain(|one| !matches!(one, For::Send(other) if *other == at));
                let others = arms.iter().filter(|arm| arm.0 == 0 && arm.1 == at);
                what.extend(others.map(|_| For::Send(at)));
                if arms.is_empty() {
                    break;
                }
            }
        }
        for (kind, at, index) in arms {
            if kind == 0 {
                let message = select.take(index, &things.channels[at].tx).expect("not sent");
                things.post.returned(&message);
            }
        }
    }

    /// So many arms that they stay with their channels.
    pub(super) fn standing(&mut self) {
        let things = self.things.clone();
        let mut select = Select::new();
        let mut arms: Vec<_> = (0..17 + self.at(6)).map(|_| Some(self.channel())).collect();
        for at in arms.iter().flatten() {
            select.recv(&things.channels[*at].rx);
        }
        let alarm = self.random.one_in(3).then(|| self.at(things.alarms.len()));
        let alarm = alarm.map(|at| (at, select.recv(things.alarms[at].timer.receiver())));
        for _ in 0..1 + self.at(5) {
            match self.random.below(5) {
                0 => {
                    let index = self.at(arms.len());
                    if arms[index].take().is_some() {
                        select.remove(index);
                    }
                }
                1 if alarm.is_none() => {
                    let at = self.channel();
                    assert_eq!(select.recv(&things.channels[at].rx), arms.len());
                    arms.push(Some(at));
                }
                2 => {
                    // The arms stand: what comes meanwhile goes to them, or by.
                    self.some(1);
                }
                _ => {}
            }
            let mut what: Vec<_> = arms.iter().flatten().map(|at| For::Receive(*at)).collect();
            what.extend(alarm.map(|(at, _)| For::Alarm(at)));
            let timed = self.timed || self.weather.timed && self.random.one_in(3);
            let operation = if timed {
                let time = self.time();
                what.push(For::Time(Instant::now() + time));
                let chosen = self.wait("standing in time", what, || select.select_timeout(time));
                let Ok(operation) = chosen else { continue };
                operation
            } else {
                self.wait("standing", what, || select.select())
            };
            if let Some((at, index)) = alarm
                && operation.index() == index
            {
                operation.recv(things.alarms[at].timer.receiver());
                things.alarms[at].rang();
                continue;
            }
            let at = arms[operation.index()].expect("a removed arm was chosen");
            if self.random.one_in(8) {
                drop(operation);
            } else {
                self.got(operation.recv(&things.channels[at].rx));
            }
        }
    }

    pub(super) fn fixed(&mut self) {
        let things = self.things.clone();
        let (a, b, c) = (self.channel(), self.channel(), self.channel());
        let alarm = self.at(things.alarms.len());
        let (on, ring) = (self.random.one_in(2), self.random.one_in(4));
        let mut what = vec![For::Receive(a)];
        what.extend(on.then_some(For::Receive(b)));
        what.extend(ring.then_some(For::Alarm(alarm)));
        let (ra, rb) = (&things.channels[a].rx, &things.channels[b].rx);
        let tx = &things.channels[c].tx;
        let rings = things.alarms[alarm].timer.receiver();
        if self.timed {
            let time = self.time();
            what.push(For::Time(Instant::now() + time));
            return self.wait("fixed in time", what, || {
                gort::select! {
                    after(time) => {}
                    recv(ra) -> message => self.got(message),
                    recv(rb) -> message, if on => self.got(message),
                    recv(rings) -> _, if ring => things.alarms[alarm].rang(),
                }
            });
        }
        let Some(message) = self.message() else { return };
        what.push(For::Send(c));
        self.wait("fixed", what, || {
            gort::select! {
                recv(ra) -> message => self.got(message),
                recv(rb) -> message, if on => self.got(message),
                send(tx, message) -> result => self.sent(result.map_err(|error| error.0)),
                recv(rings) -> _, if ring => things.alarms[alarm].rang(),
            }
        });
    }
}
