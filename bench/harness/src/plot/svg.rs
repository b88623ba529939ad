//! A writer for the few things of SVG that the drawings are made of.

use std::fmt::Write;

/// To the right and down, in pixels.
pub type Point = (f64, f64);

/// On which side of a text its point is.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing.
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// Of a text, in pixels.
pub const SIZE: f64 = 12.0;
/// The advance of a character is about that part of the size.
const ADVANCE: f64 = 0.56;

/// About how wide a text is.
pub fn width_of(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * ADVANCE
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Svg {
        Svg { width, height, body: String::new() }
    }

    pub fn line(&mut self, from: Point, to: Point, colour: &str, width: f64, opacity: f64) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{colour}" stroke-width="{width}" stroke-opacity="{opacity}"/>"#
        ));
    }

    pub fn path(&mut self, points: &[Point], colour: &str, width: f64) {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.put(format_args!(
            r#"<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"/>"#
        ));
    }

    pub fn dot(&mut self, (x, y): Point, radius: f64, colour: &str) {
        self.put(format_args!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{colour}"/>"#));
    }

    pub fn bar(&mut self, (x, y): Point, width: f64, height: f64, colour: &str) {
        self.put(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" fill="{colour}"/>"#
        ));
    }

    /// `text` on one line, with its middle at the point's height.
    pub fn text(&mut self, at: Point, anchor: Anchor, colour: &str, text: &str) {
        self.styled(at, anchor, colour, SIZE, "normal", text);
    }

    pub fn heading(&mut self, at: Point, text: &str, colour: &str) {
        self.styled(at, Anchor::Start, colour, SIZE + 3.0, "600", text);
    }

    pub fn bold(&mut self, at: Point, anchor: Anchor, colour: &str, text: &str) {
        self.styled(at, anchor, colour, SIZE, "600", text);
    }

    fn styled(
        &mut self,
        (x, y): Point,
        anchor: Anchor,
        colour: &str,
        size: f64,
        weight: &str,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        // Where the base line is, for the middle of small letters to be at `y`.
        let base = y + size * 0.35;
        let text = escaped(text);
        self.put(format_args!(
            r#"<text x="{x:.1}" y="{base:.1}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{colour}">{text}</text>"#
        ));
    }

    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.body, "{element}");
    }

    /// The whole file. `title` is for those who cannot see it.
    pub fn finish(self, title: &str) -> String {
        let Svg { width, height, body } = self;
        let title = escaped(title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n<title>{title}</title>\n{body}</svg>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_text() {
        let mut svg = Svg::new(10.0, 20.0);
        svg.text((1.0, 2.0), Anchor::End, "#737b87", "a < b & c");
        let text = svg.finish("x > y");
        assert!(text.contains(">a &lt; b &amp; c</text>"), "{text}");
        assert!(text.contains("<title>x &gt; y</title>"));
        assert!(text.contains("viewBox=\"0 0 10 20\""));
    }
}
