//! nginx configurations, as words.

/// One word of an nginx configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// A name or a value, quotes taken off.
    Text(String),
    /// `{`, `}` or `;`.
    Mark(char),
}

/// The words of a configuration: white space, comments and quotes are gone.
pub(super) fn words(config: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut rest = config;
    while let Some(first) = rest.chars().next() {
        let used = match first {
            c if c.is_whitespace() => c.len_utf8(),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '{' | '}' | ';' => {
                out.push(Word::Mark(first));
                1
            }
            '"' | '\'' if closing(rest, first).is_some() => {
                let end = closing(rest, first).unwrap_or(rest.len());
                out.push(Word::Text(rest[1..end].to_owned()));
                end + 1
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || "{};".contains(c))
                    .unwrap_or(rest.len());
                out.push(Word::Text(rest[..end].to_owned()));
                end
            }
        };
        rest = &rest[used..];
    }
    out
}

/// Where the quote that a text begins with ends.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return Some(at);
        }
        None
    })
}

/// The words without a `map` block that repeats an earlier one to the word: the reference writes
/// its own twice, to no effect.
pub(super) fn maps_once(words: Vec<Word>) -> Vec<Word> {
    let mut out = Vec::with_capacity(words.len());
    let mut seen: Vec<&[Word]> = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let is_map =
            *word == Word::Text("map".to_owned()) && words.get(at + 3) == Some(&Word::Mark('{'));
        let length = is_map
            .then(|| words[at..].iter().position(|word| *word == Word::Mark('}')))
            .flatten()
            .map_or(1, |end| end + 1);
        let block = &words[at..at + length];
        if length == 1 || !seen.contains(&block) {
            out.extend_from_slice(block);
        }
        if length > 1 {
            seen.push(block);
        }
        at += length;
    }
    out
}

/// Words around the first one that differs, for people.
pub(super) fn around(words: &[Word], other: &[Word]) -> String {
    let at = words.iter().zip(other).take_while(|(a, b)| a == b).count();
    let shown: Vec<String> = words[at.saturating_sub(4)..words.len().min(at + 12)]
        .iter()
        .map(|word| match word {
            Word::Text(text) => text.clone(),
            Word::Mark(mark) => mark.to_string(),
        })
        .collect();
    format!("… {} … (word {at})", shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(config: &str) -> Vec<String> {
        words(config)
            .into_iter()
            .map(|word| match word {
                Word::Text(text) => text,
                Word::Mark(mark) => mark.to_string(),
            })
            .collect()
    }

    #[test]
    fn layout_comments_and_quotes_do_not_count() {
        assert_eq!(
            texts("a  \"b c\"; # so\nd{ 'e;';}f#g h"),
            ["a", "b c", ";", "d", "{", "e;", ";", "}", "f#g", "h"]
        );
        assert_eq!(texts("log \"say \\\"x\\\"\" 'open"), ["log", "say \\\"x\\\"", "'open"]);
    }

    #[test]
    fn a_repeated_map_counts_once() {
        let once = words("map $a $b { x y; } http { }");
        let twice = words("map $a $b { x y; } map $a $b { x y; } http { }");
        let other = words("map $a $b { x y; } map $a $b { x z; } http { }");
        assert_eq!(maps_once(twice), once);
        assert_ne!(maps_once(other), once);
    }
}
