//! Names beside lines, where they do not cover each other.

use super::svg::{Point, SIZE, width_of};

/// How far apart two names are that stand one below the other.
const LINE: f64 = SIZE + 2.0;

/// A place that is taken.
#[derive(Clone, Copy, Debug)]
struct Box {
    left: f64,
    right: f64,
    middle: f64,
}

impl Box {
    fn meets(&self, other: &Box) -> bool {
        self.left < other.right
            && other.left < self.right
            && (self.middle - other.middle).abs() < LINE
    }

    /// Is a point of that line in it?
    fn is_crossed_by(&self, path: &[Point]) -> bool {
        path.windows(2).any(|ends| {
            let ((x1, y1), (x2, y2)) = (ends[0], ends[1]);
            (0..=24).any(|step| {
                let part = f64::from(step) / 24.0;
                let (x, y) = (x1 + part * (x2 - x1), y1 + part * (y2 - y1));
                x > self.left && x < self.right && (y - self.middle).abs() < LINE / 2.0
            })
        })
    }
}

/// Where the middle of the left side of each name is: to the right of the point at which it belongs, or as
/// little above or below that as it takes for names not to meet. They keep off `paths` if that is possible,
/// and between `top` and `bottom`.
pub fn place(names: &[(&str, Point)], paths: &[Vec<Point>], top: f64, bottom: f64) -> Vec<Point> {
    let mut taken: Vec<Box> = Vec::new();
    let mut places = vec![(0.0, 0.0); names.len()];
    let mut order: Vec<usize> = (0..names.len()).collect();
    // From above to below: those that are pushed away find room below.
    order.sort_by(|a, b| names[*a].1.1.total_cmp(&names[*b].1.1));
    for index in order {
        let (name, (x, y)) = names[index];
        let left = x + 8.0;
        let at = |middle: f64| Box { left, right: left + width_of(name, SIZE) + 4.0, middle };
        let candidates = (0..160).map(|step| {
            let distance = f64::from((step + 1) / 2) * 2.0;
            at(if step % 2 == 0 { y + distance } else { y - distance })
        });
        let free: Vec<Box> = candidates
            .filter(|it| it.middle >= top && it.middle <= bottom)
            .filter(|it| taken.iter().all(|other| !it.meets(other)))
            .collect();
        let clear = free.iter().find(|it| !paths.iter().any(|path| it.is_crossed_by(path)));
        // Far from its line a name says nothing.
        let near = clear.filter(|it| (it.middle - y).abs() < 4.0 * LINE);
        let chosen = near.or(free.first()).copied().unwrap_or_else(|| at(y));
        taken.push(chosen);
        places[index] = (chosen.left, chosen.middle);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_one_point_stand_below_each_other() {
        let names = [("a", (10.0, 50.0)), ("b", (10.0, 50.0)), ("c", (10.0, 52.0))];
        let mut heights: Vec<f64> =
            place(&names, &[], 0.0, 100.0).iter().map(|(_, y)| *y).collect();
        heights.sort_by(f64::total_cmp);
        assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= LINE), "{heights:?}");
    }

    #[test]
    fn a_name_keeps_off_another_line() {
        let path = vec![(0.0, 50.0), (100.0, 50.0)];
        let places = place(&[("name", (10.0, 50.0))], &[path], 0.0, 100.0);
        assert!((places[0].1 - 50.0).abs() >= LINE / 2.0);
    }
}
