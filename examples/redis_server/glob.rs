//! Patterns for names: `*`, `?`, `[a-z]`, `[^a]`, and a backslash before what means itself.

/// Whether the whole of `text` is as `pattern` has it.
///
/// Goes back to the last star only: a name that matches up to there may be given more to it. So the time
/// is bounded by the product of the lengths, whatever the pattern.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // What follows the last star, and the text that it has not taken.
    let mut star = None;
    loop {
        let step = match pattern.get(p) {
            None if t == text.len() => return true,
            None => None,
            Some(b'*') => {
                p += 1;
                star = Some((p, t));
                continue;
            }
            Some(_) => text.get(t).and_then(|&byte| one(&pattern[p..], byte)),
        };
        match (step, &mut star) {
            (Some(len), _) => (p, t) = (p + len, t + 1),
            (None, Some((after, taken))) if *taken < text.len() => {
                *taken += 1;
                (p, t) = (*after, *taken);
            }
            (None, _) => return false,
        }
    }
}

/// If what is at the front of `pattern` stands for `byte`: how long it is.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern {
        [b'?', ..] => Some(1),
        [b'[', ref class @ ..] => one_of(class, byte).map(|len| len + 1),
        [b'\\', escaped, ..] => (escaped == byte).then_some(2),
        [literal, ..] => (literal == byte).then_some(1),
        [] => None,
    }
}

/// One of a class, which may lack its bracket at the end of the pattern.
fn one_of(class: &[u8], byte: u8) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match class[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', escaped, ..] => {
                found |= escaped == byte;
                at += 2;
            }
            [low, b'-', high, ..] => {
                found |= (low.min(high)..=low.max(high)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}
