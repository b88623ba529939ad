//! The system knows which pages of a program are of one kind.

use crate::stack::pages_at;
use std::ops::Range;
use std::ptr::with_exposed_provenance;

/// The pages like those that `within` lies in, as far as they go on in its program or library; empty if there are none.
pub(super) fn segment_around(within: usize) -> Range<usize> {
    let pages = |at: usize| pages_at(with_exposed_provenance(at));
    let mut at = pages(within).map_or(within, |pages| pages.AllocationBase.addr());
    while at <= within
        && let Some(found) = pages(at)
    {
        let segment = at..at + found.RegionSize;
        if segment.contains(&within) {
            return segment;
        }
        at = segment.end;
    }
    0..0
}
