//! Names beside the ends of lines, where they do not cover each other.

use super::svg::{Point, SIZE, width_of};

/// How far apart two names are that stand one below the other.
const LINE: f64 = SIZE + 2.0;
/// Between the end of a line and its name.
const GAP: f64 = 9.0;

/// Where the middle of the left side of each name is. Names of lines that end one above the other stand in
/// the order of the ends, each as near to its own as they can all be. A name that is alone keeps off `paths`, if there
/// is room nearby. All are between `top` and `bottom`.
pub fn place(names: &[(&str, Point)], paths: &[Vec<Point>], top: f64, bottom: f64) -> Vec<Point> {
    let mut places = vec![(0.0, 0.0); names.len()];
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| {
        let (a, b) = (names[*a].1, names[*b].1);
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    for group in order.chunk_by(|a, b| (names[*a].1.0 - names[*b].1.0).abs() < 1.0) {
        let heights: Vec<f64> = group.iter().map(|index| names[*index].1.1).collect();
        let heights = match (group, &heights[..]) {
            ([index], [height]) => vec![free(names[*index], *height, paths, top, bottom)],
            _ => apart(&heights, top, bottom),
        };
        for (index, height) in group.iter().zip(heights) {
            places[*index] = (names[*index].1.0 + GAP, height);
        }
    }
    places
}

/// The height nearest to `height` at which a name covers no line; `height`, if that is far away.
fn free(
    (name, (x, _)): (&str, Point),
    height: f64,
    paths: &[Vec<Point>],
    top: f64,
    bottom: f64,
) -> f64 {
    let (left, right) = (x + GAP - 2.0, x + GAP + width_of(name, SIZE));
    let is_free = |middle: &f64| {
        let covers = |(x, y): Point| x > left && x < right && (y - middle).abs() < LINE / 2.0;
        (top..=bottom).contains(middle) && !paths.iter().any(|path| along(path).any(covers))
    };
    let steps = (0..=24).map(|step| f64::from(step) * 2.0);
    let mut heights = steps.flat_map(|step| [height - step, height + step]);
    heights.find(is_free).unwrap_or(height)
}

/// Points on a line that are near each other.
fn along(path: &[Point]) -> impl Iterator<Item = Point> {
    path.windows(2).flat_map(|ends| {
        let ((x1, y1), (x2, y2)) = (ends[0], ends[1]);
        (0..=60).map(move |step| {
            let part = f64::from(step) / 60.0;
            (x1 + part * (x2 - x1), y1 + part * (y2 - y1))
        })
    })
}

/// Sorted heights, moved so that they are a line apart and none further than needed: those that would meet
/// become a block around the middle of where they want to be, and blocks that would meet become one.
fn apart(heights: &[f64], top: f64, bottom: f64) -> Vec<f64> {
    let mut blocks: Vec<&[f64]> = Vec::new();
    let begins = |block: &[f64]| {
        let rows = block.len() as f64;
        let middle = block.iter().sum::<f64>() / rows;
        (middle - (rows - 1.0) / 2.0 * LINE).min(bottom - (rows - 1.0) * LINE).max(top)
    };
    let ends = |block: &[f64]| begins(block) + (block.len() as f64 - 1.0) * LINE;
    for at in 0..heights.len() {
        let mut first = at;
        while let Some(above) = blocks.last() {
            if ends(above) + LINE <= begins(&heights[first..=at]) {
                break;
            }
            first -= above.len();
            blocks.pop();
        }
        blocks.push(&heights[first..=at]);
    }
    let rows = |block: &&[f64]| {
        let begin = begins(block);
        (0..block.len()).map(move |row| begin + row as f64 * LINE).collect::<Vec<f64>>()
    };
    blocks.iter().flat_map(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_below_each_other_in_the_order_of_their_ends() {
        let names =
            [("b", (10.0, 52.0)), ("a", (10.0, 50.0)), ("c", (10.0, 95.0)), ("d", (10.0, 96.0))];
        let heights: Vec<f64> = place(&names, &[], 0.0, 100.0).iter().map(|at| at.1).collect();
        assert_eq!(heights, [58.0, 44.0, 86.0, 100.0]);
    }

    #[test]
    fn blocks_that_meet_become_one() {
        assert_eq!(apart(&[0.0, 1.0, 13.0, 90.0], 0.0, 100.0), [0.0, 14.0, 28.0, 90.0]);
        assert_eq!(apart(&[], 0.0, 100.0), [0.0; 0]);
    }

    #[test]
    fn a_name_keeps_off_another_line() {
        let path = vec![(0.0, 50.0), (100.0, 50.0)];
        let places = place(&[("name", (10.0, 50.0))], &[path], 0.0, 100.0);
        assert!((places[0].1 - 50.0).abs() >= LINE / 2.0);
    }
}
