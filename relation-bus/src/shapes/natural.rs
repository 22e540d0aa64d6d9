//! The order in which Juju lists names for people.

use std::cmp::Ordering;

/// Compares names with their numbers as numbers: `a/2` comes before `a/10`.
#[must_use]
pub fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one, other);
    loop {
        match (take(&mut one), take(&mut other)) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare(a, b) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

/// The next piece of a name: digits only, or no digits.
fn take<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let is_digit = rest.chars().next()?.is_ascii_digit();
    let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
    let (piece, after) = rest.split_at(end);
    *rest = after;
    Some(piece)
}

fn compare(one: &str, other: &str) -> Ordering {
    // Numbers of any length: without leading zeros the longer one is the greater one.
    let is_number = |piece: &str| piece.starts_with(|c: char| c.is_ascii_digit());
    if is_number(one) && is_number(other) {
        let (a, b) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
        return a.len().cmp(&b.len()).then_with(|| a.cmp(b));
    }
    one.cmp(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers() {
        let mut names = ["a/10", "b/0", "a/2", "a2/1", "a/02", "a"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(names, ["a", "a2/1", "a/2", "a/02", "a/10", "b/0"]);
    }
}
