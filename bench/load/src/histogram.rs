//! How often which numbers have occurred, kept in as many classes as it takes to know each within half a percent.

/// So many bits of a number count, after the first.
const BITS: u32 = 8;

/// Numbers, by size.
pub struct Histogram {
    /// Below 2^BITS each number has a class of its own; from there on there are 2^BITS of them up to the next
    /// power of two.
    classes: Vec<u64>,
    count: u64,
}

impl Histogram {
    pub fn new() -> Histogram {
        Histogram { classes: Vec::new(), count: 0 }
    }

    pub fn add(&mut self, number: u64) {
        let class = class_of(number);
        if class >= self.classes.len() {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] += 1;
        self.count += 1;
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The middle of the class of the number below which the fraction `p` of all lies; 0 if there are none.
    pub fn percentile(&self, p: f64) -> u64 {
        let wanted = (self.count as f64 * p).ceil() as u64;
        let mut seen = 0;
        let found = self.classes.iter().position(|numbers| {
            seen += numbers;
            seen >= wanted.max(1)
        });
        found.map_or(0, middle_of)
    }
}

fn class_of(number: u64) -> usize {
    let shift = number.max(1).ilog2().saturating_sub(BITS);
    (u64::from(shift << BITS) + (number >> shift)) as usize
}

fn middle_of(class: usize) -> u64 {
    let shift = (class >> BITS).saturating_sub(1);
    let least = ((class - (shift << BITS)) as u64) << shift;
    least + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_narrow_and_in_order() {
        let mut last = 0;
        for number in (0..10_000).chain((10_000..1 << 40).step_by(99_999_999)) {
            let class = class_of(number);
            assert!(class >= last);
            last = class;
            assert!(middle_of(class).abs_diff(number) <= number / 256, "{number}");
        }
        assert_eq!(middle_of(class_of(u64::MAX)) >> 55, u64::MAX >> 55);
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentile(0.5), 0);
        (1..=100).for_each(|number| histogram.add(number));
        assert_eq!(histogram.count(), 100);
        let percentiles = [0.0, 0.5, 0.99, 1.0].map(|p| histogram.percentile(p));
        assert_eq!(percentiles, [1, 50, 99, 100]);
    }
}
