//! The order in which a select tries its arms if they are many, and its random numbers.

/// All of `0..count`, two or more, in steps of a random length from a random start.
///
/// Each index is as likely as any other to be the first, and of any two each is as likely to come
/// before the other. It takes no memory, as a shuffle would.
pub(super) fn in_steps(count: usize, random: u64) -> impl Iterator<Item = usize> {
    let mut at = below(random, count);
    let mut step = 1 + below(next_random(random), count - 1);
    while greatest_common_divisor(step, count) != 1 {
        step = step % (count - 1) + 1;
    }
    std::iter::repeat_with(move || {
        let (this, ahead) = (at, count - at);
        at = if step < ahead { at + step } else { step - ahead };
        this
    })
    .take(count)
}

/// Maps the upper half of a random number to `0..count`.
pub(super) fn below(random: u64, count: usize) -> usize {
    (((random >> 32) * count as u64) >> 32) as usize
}

/// Steps a linear congruential generator, of which the upper bits are good.
#[inline(always)]
pub(crate) fn next_random(random: u64) -> u64 {
    random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F)
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn orders(count: usize, runs: usize) -> impl Iterator<Item = Vec<usize>> {
        let mut random = 7;
        std::iter::repeat_with(move || {
            random = next_random(random);
            in_steps(count, random).collect()
        })
        .take(runs)
    }

    #[test]
    fn every_index_comes_once() {
        for count in 2..200 {
            for mut all in orders(count, 20) {
                all.sort();
                assert!(all.into_iter().eq(0..count));
            }
        }
    }

    #[test]
    fn each_is_as_likely_to_be_first() {
        let mut counts = [0; 20];
        orders(20, 20_000).for_each(|order| counts[order[0]] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn of_two_each_is_as_likely_to_be_before_the_other() {
        let before = orders(21, 20_000).filter(|order| {
            let at = |index| order.iter().position(|&i| i == index);
            at(3) < at(4)
        });
        let before = before.count();
        assert!((9_500..10_500).contains(&before), "{before}");
    }
}
