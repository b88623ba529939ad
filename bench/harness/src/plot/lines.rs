//! Lines on two logarithmic axes, or on one and a row of names.

use super::colours;
use super::labels;
use super::scale::{self, LogScale};
use super::svg::{Anchor, Point, SIZE, Svg, width_of};

/// A peer's points, by their place on the horizontal axis.
#[derive(Clone, Debug)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// How the numbers at an axis are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ticks {
    /// Nanoseconds.
    Time,
    Bytes,
}

impl Ticks {
    /// Not too few, not too many.
    fn on(self, scale: &LogScale) -> Vec<f64> {
        if self == Ticks::Bytes {
            let twos = scale.ticks(2.0);
            return if twos.len() <= 8 { twos } else { scale.ticks(4.0) };
        }
        let tens = scale.ticks(10.0);
        if tens.len() >= 3 { tens } else { scale.fine_ticks() }
    }

    fn text(self, value: f64) -> String {
        match self {
            Ticks::Time => scale::time(value),
            Ticks::Bytes => scale::bytes(value),
        }
    }
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    /// What the vertical axis shows, and in which unit.
    pub vertical: String,
    pub ticks: Ticks,
    /// What the horizontal axis shows.
    pub horizontal: String,
    /// What stands at 0, 1, 2 .. of the horizontal axis; none, if that shows logarithms of numbers.
    pub columns: Vec<&'static str>,
    pub lines: Vec<Line>,
    /// The line that the others are compared with.
    pub first: &'static str,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 100.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 48.0;

/// From numbers to places on the horizontal axis.
enum Horizontal {
    Log(LogScale),
    Columns(usize),
}

impl Horizontal {
    fn place(&self, value: f64) -> f64 {
        match self {
            Horizontal::Log(scale) => scale.place(value),
            Horizontal::Columns(count) => {
                let width = (WIDTH - RIGHT - LEFT) / *count as f64;
                LEFT + (value + 0.5) * width
            }
        }
    }
}

/// Draws it.
pub fn chart(chart: &Chart) -> String {
    let mut svg = Svg::new(WIDTH, HEIGHT);
    svg.heading((12.0, 18.0), &chart.title, colours::TEXT);
    svg.text((12.0, 42.0), Anchor::Start, colours::TEXT, &chart.vertical);
    let points = || chart.lines.iter().flat_map(|line| line.points.iter().copied());
    let vertical = LogScale::around(points().map(|(_, y)| y), HEIGHT - BOTTOM, TOP);
    let horizontal = if chart.columns.is_empty() {
        Horizontal::Log(LogScale::around(points().map(|(x, _)| x), LEFT, WIDTH - RIGHT))
    } else {
        Horizontal::Columns(chart.columns.len())
    };
    draw_vertical(&mut svg, chart, &vertical);
    draw_horizontal(&mut svg, chart, &horizontal);
    let place = |(x, y): (f64, f64)| (horizontal.place(x), vertical.place(y));
    let paths: Vec<Vec<Point>> =
        chart.lines.iter().map(|line| line.points.iter().copied().map(place).collect()).collect();
    // The first on top of the others.
    let mut order: Vec<usize> = (0..paths.len()).collect();
    order.sort_by_key(|index| chart.lines[*index].name == chart.first);
    for index in order {
        draw_line(&mut svg, &chart.lines[index].name, &paths[index], chart.first);
    }
    draw_names(&mut svg, chart, &paths);
    svg.finish(&format!("{}: {}", chart.title, chart.vertical))
}

fn draw_vertical(svg: &mut Svg, chart: &Chart, scale: &LogScale) {
    for tick in chart.ticks.on(scale) {
        let y = scale.place(tick);
        svg.line((LEFT, y), (WIDTH - RIGHT, y), colours::TEXT, 1.0, 0.25);
        svg.text((LEFT - 8.0, y), Anchor::End, colours::TEXT, &chart.ticks.text(tick));
    }
}

fn draw_horizontal(svg: &mut Svg, chart: &Chart, scale: &Horizontal) {
    let bottom = HEIGHT - BOTTOM;
    svg.line((LEFT, bottom), (WIDTH - RIGHT, bottom), colours::TEXT, 1.0, 0.8);
    let ticks: Vec<(f64, String)> = match scale {
        Horizontal::Log(_) => {
            // The numbers for which there are points.
            let all = chart.lines.iter().flat_map(|line| line.points.iter().map(|point| point.0));
            let mut numbers: Vec<f64> = all.collect();
            numbers.sort_by(f64::total_cmp);
            numbers.dedup();
            numbers.into_iter().map(|number| (number, scale::number(number))).collect()
        }
        Horizontal::Columns(_) => {
            let names = chart.columns.iter().enumerate();
            names.map(|(at, name)| (at as f64, (*name).to_owned())).collect()
        }
    };
    for (tick, text) in ticks {
        let x = scale.place(tick);
        svg.line((x, bottom), (x, bottom + 5.0), colours::TEXT, 1.0, 0.8);
        svg.text((x, bottom + 15.0), Anchor::Middle, colours::TEXT, &text);
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    svg.text((middle, bottom + 35.0), Anchor::Middle, colours::TEXT, &chart.horizontal);
}

fn draw_line(svg: &mut Svg, name: &str, path: &[Point], first: &str) {
    let (width, radius) = if name == first { (3.0, 4.0) } else { (1.5, 2.5) };
    svg.path(path, colours::of(name), width);
    for point in path {
        svg.dot(*point, radius, colours::of(name));
    }
}

/// Each name at the end of its line, joined to it where it had to make room.
fn draw_names(svg: &mut Svg, chart: &Chart, paths: &[Vec<Point>]) {
    let names: Vec<(&str, Point)> = chart
        .lines
        .iter()
        .zip(paths)
        .filter_map(|(line, path)| Some((line.name.as_str(), *path.last()?)))
        .collect();
    let places = labels::place(&names, paths, TOP, HEIGHT - BOTTOM - SIZE / 2.0);
    for ((name, end), place) in names.into_iter().zip(places) {
        let colour = colours::of(name);
        if (place.1 - end.1).abs() > SIZE / 2.0 {
            svg.line((end.0 + 3.0, end.1), (place.0 - 1.0, place.1), colour, 1.0, 0.7);
        }
        debug_assert!(place.0 + width_of(name, SIZE) <= WIDTH + SIZE, "{name} has no room");
        svg.bold((place.0 + 1.0, place.1), Anchor::Start, colour, name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: Vec<&'static str>, lines: Vec<Line>) -> String {
        chart(&Chart {
            title: "Title".into(),
            vertical: "time".into(),
            ticks: Ticks::Time,
            horizontal: "tasks".into(),
            columns,
            lines,
            first: "gort",
        })
    }

    fn line(name: &str, points: &[(f64, f64)]) -> Line {
        Line { name: name.into(), points: points.to_vec() }
    }

    #[test]
    fn each_line_has_its_name() {
        let lines = vec![
            line("go", &[(100.0, 50.0), (1e6, 60.0)]),
            line("gort", &[(100.0, 40.0), (1e6, 61.0)]),
        ];
        let text = drawn(Vec::new(), lines);
        assert_eq!(text.matches("<polyline").count(), 2);
        assert!(text.contains(">go</text>") && text.contains(">gort</text>"));
        assert!(text.contains(">100</text>") && text.contains(">1M</text>"), "{text}");
    }

    #[test]
    fn columns_have_names_and_no_line_is_no_trouble() {
        let text = drawn(vec!["p50", "max"], vec![line("go", &[(0.0, 1e3), (1.0, 1e6)])]);
        assert!(text.contains(">p50</text>") && text.contains(">max</text>"));
        assert!(!drawn(Vec::new(), Vec::new()).contains("<polyline"));
    }
}
