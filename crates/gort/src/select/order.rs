//! The order in which a select tries its arms.

/// Up to this many arms are put into a truly random order; a permutation of them fits a word.
const FEW: usize = 16;

/// An iterator over `0..count`.
///
/// Of up to sixteen arms, any order is as likely as any other, so among those that are ready
/// each is as likely to be the first. More arms are walked in steps of a random length from a random
/// start: each is as likely to come first of all, and of two each is as likely to come before the
/// other.
pub(super) struct Order {
    count: usize,
    done: usize,
    kind: Kind,
}

enum Kind {
    AsWritten,
    /// Four bits for each index; those up to `done` are final.
    Few { order: u64, random: u64 },
    Many { at: usize, step: usize },
}

impl Order {
    #[inline]
    pub(super) fn as_written(count: usize) -> Self {
        Self { count, done: 0, kind: Kind::AsWritten }
    }

    #[inline]
    pub(super) fn random(count: usize, seed: u64) -> Self {
        let random = mix(seed);
        if count <= FEW {
            return Self { count, done: 0, kind: Kind::Few { order: 0xFEDC_BA98_7654_3210, random } };
        }
        Self::steps(count, random)
    }

    #[cold]
    fn steps(count: usize, random: u64) -> Self {
        let at = below(random, count);
        let mut step = 1 + below(mix(random), count - 1);
        while greatest_common_divisor(step, count) != 1 {
            step = step % (count - 1) + 1;
        }
        Self { count, done: 0, kind: Kind::Many { at, step } }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        if self.done == self.count {
            return None;
        }
        let next = match &mut self.kind {
            Kind::AsWritten => self.done,
            Kind::Few { order, random } => {
                *random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
                let other = self.done + below(*random, self.count - self.done);
                let (here, there) = (4 * self.done, 4 * other);
                let change = (*order >> here ^ *order >> there) & 15;
                *order ^= change << here;
                *order ^= if here == there { 0 } else { change << there };
                (*order >> here & 15) as usize
            }
            Kind::Many { at, step } => {
                let next = *at;
                *at = if next >= self.count - *step { next - (self.count - *step) } else { next + *step };
                next
            }
        };
        self.done += 1;
        Some(next)
    }
}

/// Maps the upper half of a random number to `0..count`.
#[inline(always)]
fn below(random: u64, count: usize) -> usize {
    ((random >> 32) * count as u64 >> 32) as usize
}

/// The finalizer of SplitMix64: spreads a counter over the whole word.
#[inline(always)]
fn mix(counter: u64) -> u64 {
    let mut z = counter;
    z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ z >> 31
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
