//! Bars that begin at one, on a logarithmic axis: how many times more, or less.

use super::colours;
use super::scale::LogScale;
use super::svg::{Anchor, SIZE, Svg, width_of};

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub name: String,
    pub ratio: f64,
    /// What is said beside the number.
    pub note: String,
}

const WIDTH: f64 = 760.0;
const ROW: f64 = 17.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 14.0;
/// Room for the numbers beside the longest bars.
const MARGIN: f64 = 110.0;

/// Draws them. Bars to the left are those of less than one: there it is better.
pub fn bars(title: &str, subtitle: &str, bars: &[Bar]) -> String {
    let height = TOP + ROW * bars.len() as f64 + BOTTOM;
    let mut svg = Svg::new(WIDTH, height);
    svg.heading((12.0, 18.0), title, colours::TEXT);
    svg.text((12.0, 38.0), Anchor::Start, colours::TEXT, subtitle);
    let names = bars.iter().map(|bar| width_of(&bar.name, SIZE)).fold(60.0, f64::max);
    let left = 12.0 + names;
    let ratios = || bars.iter().map(|bar| bar.ratio);
    let least = ratios().fold(0.5, f64::min);
    let most = ratios().fold(2.0, f64::max);
    let scale = LogScale::between(least, most, left + MARGIN, WIDTH - MARGIN);
    let bottom = height - BOTTOM;
    for tick in ticks(&scale) {
        let (x, opacity) = (scale.place(tick), if tick == 1.0 { 0.9 } else { 0.25 });
        svg.line((x, TOP - 4.0), (x, bottom), colours::TEXT, 1.0, opacity);
        svg.text((x, TOP - 12.0), Anchor::Middle, colours::TEXT, &times(tick));
    }
    for (row, bar) in bars.iter().enumerate() {
        draw(&mut svg, bar, TOP + ROW * (row as f64 + 0.5), left, &scale);
    }
    svg.finish(title)
}

/// Powers of two, or of ten where those would be too many.
fn ticks(scale: &LogScale) -> Vec<f64> {
    let twos = scale.ticks(2.0);
    if twos.len() <= 9 { twos } else { scale.ticks(10.0) }
}

fn draw(svg: &mut Svg, bar: &Bar, y: f64, left: f64, scale: &LogScale) {
    let (one, end) = (scale.place(1.0), scale.place(bar.ratio));
    let is_ahead = bar.ratio <= 1.0;
    let colour = if is_ahead { colours::AHEAD } else { colours::BEHIND };
    svg.text((left, y), Anchor::End, colours::TEXT, &bar.name);
    let thickness = ROW - 5.0;
    svg.bar((one.min(end), y - thickness / 2.0), (one - end).abs().max(1.0), thickness, colour);
    let text = format!("{:.2} {}", bar.ratio, bar.note);
    let (x, anchor) = if is_ahead { (end - 5.0, Anchor::End) } else { (end + 5.0, Anchor::Start) };
    svg.text((x, y), anchor, colour, text.trim());
}

/// As a fraction where it is less than one.
fn times(ratio: f64) -> String {
    if ratio < 1.0 { format!("1/{:.0}", 1.0 / ratio) } else { format!("{ratio:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, ratio: f64) -> Bar {
        Bar { name: name.into(), ratio, note: "go".into() }
    }

    #[test]
    fn a_bar_goes_to_its_side_of_one() {
        let text = bars("Title", "", &[bar("spawn", 0.25), bar("rwlock", 4.0)]);
        assert!(text.contains(">0.25 go</text>") && text.contains(">4.00 go</text>"));
        assert!(text.contains(">1/4</text>") && text.contains(">1</text>"));
        assert_eq!(text.matches(colours::BEHIND).count(), 2, "its bar and its number");
    }
}
