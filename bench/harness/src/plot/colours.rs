//! The colours. A drawing has no background, and may be shown on white or on nearly black. So all of them are of
//! one middle brightness, with a contrast of more than 4 to both, and nothing asks which of them it is.

/// Text, axes; the grid, when it is made fainter.
pub const TEXT: &str = "#737b87";
/// A bar on the good side, and on the other.
pub const AHEAD: &str = "#298c39";
pub const BEHIND: &str = "#b26814";

/// That of a peer's line.
pub fn of(peer: &str) -> &'static str {
    let found = PEERS.iter().find(|(name, _)| *name == peer);
    found.map_or(OTHER, |(_, colour)| colour)
}

const OTHER: &str = "#757b83";

const PEERS: &[(&str, &str)] = &[
    ("gort", "#e13d2e"),
    ("go", "#0e84ab"),
    ("go-lib", "#8365de"),
    ("may", "#298c39"),
    ("tokio", "#b26814"),
    ("smol", "#c145c1"),
    ("std", "#7e7e20"),
    ("epoll", "#c05972"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as the guidelines for accessible web content define it.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits");
            let value = f64::from(byte) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (a, b) = (luminance(one) + 0.05, luminance(other) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn every_colour_is_seen_on_white_and_on_dark() {
        let peers = PEERS.iter().map(|(_, colour)| *colour);
        for colour in peers.chain([TEXT, AHEAD, BEHIND, OTHER]) {
            assert!(contrast(colour, "#ffffff") > 4.0, "{colour} on white");
            assert!(contrast(colour, "#0d1117") > 4.0, "{colour} on dark");
        }
    }
}
