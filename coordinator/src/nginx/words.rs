//! Configurations that mean the same.
//!
//! A configuration that a Python charm wrote differs from ours in blanks and in `map` blocks that
//! stand there twice. Nothing is written and reloaded for that.

/// Whether two configurations say the same, word for word: blanks, comments and ways of quoting
/// don't count, nor does a `map` block that repeats an earlier one.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || without_repeated_maps(words(a)) == without_repeated_maps(words(b))
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    /// `{`, `}` or `;`.
    Mark(char),
    /// A name or an argument, quotes taken away.
    Text(String),
}

fn words(configuration: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = configuration.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '{' | '}' | ';' => words.push(Word::Mark(c)),
            '"' | '\'' => {
                let mut text = String::new();
                while let Some(next) = rest.next().filter(|next| *next != c) {
                    // Only the quote itself needs its backslash.
                    match rest.next_if(|quoted| next == '\\' && *quoted == c) {
                        Some(quoted) => text.push(quoted),
                        None => text.push(next),
                    }
                }
                words.push(Word::Text(text));
            }
            first => {
                let mut text = first.to_string();
                loop {
                    // `${name}` is part of the word.
                    let variable = text.ends_with('$');
                    let inside = text.rfind("${").is_some_and(|at| !text[at..].contains('}'));
                    let goes_on = |c: &char| match c {
                        '{' => variable,
                        '}' => inside,
                        ';' => false,
                        c => !c.is_whitespace(),
                    };
                    match rest.next_if(goes_on) {
                        Some(next) => text.push(next),
                        None => break,
                    }
                }
                words.push(Word::Text(text));
            }
        }
    }
    words
}

fn without_repeated_maps(words: Vec<Word>) -> Vec<Word> {
    let mut out = Vec::with_capacity(words.len());
    let mut seen: Vec<&[Word]> = Vec::new();
    let mut rest = words.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let is_map =
            *first == Word::Text("map".to_owned()) && rest.get(3) == Some(&Word::Mark('{'));
        let end = rest.iter().position(|word| *word == Word::Mark('}'));
        match end.filter(|_| is_map) {
            Some(end) => {
                let (block, after) = rest.split_at(end + 1);
                if !seen.contains(&block) {
                    seen.push(block);
                    out.extend_from_slice(block);
                }
                rest = after;
            }
            None => {
                out.push(first.clone());
                rest = after;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn blanks_quotes_comments_and_repeated_maps_do_not_count() {
        let ours = "http {\n    map $a $b {\n        '' x;\n    }\n    return 200 \"'OK'\";\n}";
        let theirs =
            "http { # two\n map $a $b { \"\" x; } map $a $b { '' 'x'; }\nreturn 200 '\\'OK\\'' ; }";
        assert!(same(ours, theirs));
    }

    #[test]
    fn every_other_word_counts() {
        assert!(!same("a b;", "a c;"));
        assert!(!same("a b;", "b a;"));
        assert!(!same("a b; c;", "a b c;"));
        assert!(!same("set $x 'a b';", "set $x a b;"));
        assert!(!same("map $a $b { x y; }", "map $a $b { x y; } map $a $b { x z; }"));
        assert!(!same("a ${b}c;", "a ${b} c;"));
    }
}
