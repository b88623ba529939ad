//! Medians, and numbers for people.

/// The middle one; the mean of the two in the middle for an even number of them.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// With about three digits.
pub fn short(number: f64) -> String {
    match number.abs() {
        million if million >= 1e6 => format!("{:.2}M", number / 1e6),
        many if many >= 1e5 => format!("{:.0}k", number / 1e3),
        thousands if thousands >= 1e4 => format!("{:.1}k", number / 1e3),
        hundreds if hundreds >= 100.0 => format!("{number:.0}"),
        _ => format!("{number:.1}"),
    }
}

/// `median [min..max]`.
pub fn spread(values: &[f64]) -> Option<String> {
    let middle = median(values)?;
    if values.len() == 1 {
        return Some(short(middle));
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some(format!("{} [{}..{}]", short(middle), short(least), short(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn numbers_for_people() {
        let texts = [0.25, 99.94, 345.6, 9999.0, 12_345.0, 123_456.0, 2_345_678.0].map(short);
        assert_eq!(texts, ["0.2", "99.9", "346", "9999", "12.3k", "123k", "2.35M"]);
        assert_eq!(spread(&[1.0]).as_deref(), Some("1.0"));
        assert_eq!(spread(&[1.0, 5.0, 2.0]).as_deref(), Some("2.0 [1.0..5.0]"));
    }
}
