//! Logarithmic axes.

/// From numbers to places, by their logarithms.
#[derive(Clone, Copy, Debug)]
pub struct LogScale {
    least: f64,
    most: f64,
    /// The places of the least and of the most.
    from: f64,
    to: f64,
}

impl LogScale {
    /// An axis on which all of `values` have a place, a little away from its ends.
    pub fn around(values: impl Iterator<Item = f64>, from: f64, to: f64) -> LogScale {
        let (least, most) = values
            .filter(|value| *value > 0.0)
            .fold((f64::INFINITY, 0.0_f64), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        let (least, most) = if most > 0.0 { (least, most) } else { (1.0, 10.0) };
        let (least, most) = (least / 1.25, most * 1.25);
        // Less than that and there may be no tick.
        let wider = (12.0 * least / most).sqrt().max(1.0);
        LogScale { least: least / wider, most: most * wider, from, to }
    }

    /// An axis from `least` to `most`.
    pub fn between(least: f64, most: f64, from: f64, to: f64) -> LogScale {
        LogScale { least, most, from, to }
    }

    pub fn place(&self, value: f64) -> f64 {
        let part = (value / self.least).ln() / (self.most / self.least).ln();
        self.from + part * (self.to - self.from)
    }

    /// The powers of ten that lie on it, or of two where `base` is 2.
    pub fn ticks(&self, base: f64) -> Vec<f64> {
        let exponents = self.least.log(base).ceil() as i32..=self.most.log(base).floor() as i32;
        exponents.map(|exponent| base.powi(exponent)).collect()
    }

    /// One, two and five times the powers of ten, as far as they lie on it.
    pub fn fine_ticks(&self) -> Vec<f64> {
        let exponents = self.least.log10().floor() as i32..=self.most.log10().floor() as i32;
        let all =
            exponents.flat_map(|exponent| [1.0, 2.0, 5.0].map(|it| it * 10_f64.powi(exponent)));
        all.filter(|tick| (self.least..=self.most).contains(tick)).collect()
    }
}

/// A number at a tick: short, with a unit's prefix if it is large.
pub fn number(value: f64) -> String {
    let (value, prefix) = match value {
        big if big >= 999.5e6 => (value / 1e9, "G"),
        big if big >= 999.5e3 => (value / 1e6, "M"),
        big if big >= 9995.0 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value >= 9.95 {
        0
    } else if value >= 0.995 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{prefix}")
}

/// So many nanoseconds, in the unit that fits.
pub fn time(ns: f64) -> String {
    let (value, unit) = match ns {
        long if long >= 999.5e6 => (ns / 1e9, "s"),
        ms if ms >= 999.5e3 => (ns / 1e6, "ms"),
        us if us >= 999.5 => (ns / 1e3, "µs"),
        _ => (ns, "ns"),
    };
    format!("{} {unit}", number(value))
}

/// So many bytes.
pub fn bytes(bytes: f64) -> String {
    let (value, unit) = match bytes {
        mega if mega >= 1024.0 * 1024.0 => (bytes / (1024.0 * 1024.0), "MiB"),
        kilo if kilo >= 1024.0 => (bytes / 1024.0, "KiB"),
        _ => (bytes, "B"),
    };
    format!("{} {unit}", number(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_by_logarithm() {
        let scale = LogScale::between(1.0, 100.0, 0.0, 200.0);
        assert!((scale.place(10.0) - 100.0).abs() < 1e-9);
        assert_eq!(scale.ticks(10.0), [1.0, 10.0, 100.0]);
        assert_eq!(scale.ticks(2.0).len(), 7);
        assert_eq!(scale.fine_ticks(), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn there_is_always_a_tick() {
        for value in [0.3, 1.7, 55.0, 999.0] {
            let scale = LogScale::around([value, value * 1.01].into_iter(), 0.0, 1.0);
            assert!(!scale.ticks(10.0).is_empty(), "{value}");
        }
        assert!(!LogScale::around([].into_iter(), 0.0, 1.0).ticks(10.0).is_empty());
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.05, 0.5, 1.0, 2.25, 64.0, 1000.0, 10_000.0, 1e6, 2.5e9].map(number);
        assert_eq!(texts, ["0.05", "0.5", "1", "2.2", "64", "1000", "10k", "1M", "2.5G"]);
        assert_eq!([5.0, 10_000.0, 3e6, 2e9].map(time), ["5 ns", "10 µs", "3 ms", "2 s"]);
        assert_eq!([100.0, 4096.0].map(bytes), ["100 B", "4 KiB"]);
    }
}
