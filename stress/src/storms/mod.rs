//! The storms.

mod calls;
mod channels;
#[cfg(target_os = "linux")]
mod connections;
mod contexts;
mod groups;
mod joins;
mod lifecycle;
mod locks;
mod mixed;
mod panics;
mod processors;
mod scopes;
mod selects;
#[cfg(target_os = "linux")]
mod sockets;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod standstill;
mod timers;
mod trees;

use crate::world::Round;

pub(crate) struct Storm {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// One round.
    pub(crate) run: fn(&mut Round<'_>),
}

pub(crate) const ALL: &[Storm] = &[
    trees::STORM,
    channels::STORM,
    selects::STORM,
    scopes::STORM,
    joins::STORM,
    groups::STORM,
    locks::STORM,
    contexts::STORM,
    calls::STORM,
    timers::STORM,
    processors::STORM,
    panics::STORM,
    lifecycle::STORM,
    mixed::STORM,
    // Elsewhere a goroutine may seem to belong to its thread, and wait for one that keeps that.
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    standstill::STORM,
    #[cfg(target_os = "linux")]
    sockets::STORM,
    #[cfg(target_os = "linux")]
    connections::STORM,
];
