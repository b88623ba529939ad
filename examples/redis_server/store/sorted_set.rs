//! Members in the order of their scores.

use super::End;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Each member is there twice, by name and by rank, its bytes once.
#[derive(Default)]
pub(crate) struct SortedSet {
    scores: HashMap<Arc<[u8]>, Score>,
    order: BTreeSet<(Score, Arc<[u8]>)>,
}

#[derive(Clone, Copy)]
struct Score(f64);

impl Ord for Score {
    fn cmp(&self, other: &Score) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Score) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Score {
    fn eq(&self, other: &Score) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl SortedSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<f64> {
        self.scores.get(member).map(|score| score.0)
    }

    /// Gives a member, which may be new, its score.
    pub(crate) fn insert(&mut self, member: &[u8], score: f64) {
        // Minus zero is zero.
        let score = Score(score + 0.0);
        let member = match self.scores.get_key_value(member) {
            Some((_, old)) if *old == score => return,
            Some((known, old)) => {
                let (_, member) = self.order.take(&(*old, known.clone())).expect("in both");
                member
            }
            None => member.into(),
        };
        self.scores.insert(member.clone(), score);
        self.order.insert((score, member));
    }

    pub(crate) fn remove(&mut self, member: &[u8]) -> bool {
        let Some((member, score)) = self.scores.remove_entry(member) else { return false };
        self.order.remove(&(score, member))
    }

    pub(crate) fn pop(&mut self, end: End) -> Option<(Arc<[u8]>, f64)> {
        let (score, member) = match end {
            End::Front => self.order.pop_first(),
            End::Back => self.order.pop_last(),
        }?;
        self.scores.remove(&member);
        Some((member, score.0))
    }

    /// From the lowest score on; members of the same score in the order of their bytes.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], f64)> {
        self.order.iter().map(|(score, member)| (&member[..], score.0))
    }
}
