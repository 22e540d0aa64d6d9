//! The regular expressions of Go, as far as matchers need them: are they valid, and do they match nothing.
//!
//! Prometheus and Loki refuse a selector with a pattern that Go's `regexp` does not compile, and one whose
//! matchers would all be content with a label that isn't there. Rust's own patterns differ in just the
//! places that people stumble over (`[[]`, `x{,3}`, `\Q…\E`), so the grammar of Go 1.24 is followed here.

/// Groups nested deeper than this are refused, as Go does from 1,000 on.
const DEPTH_LIMIT: usize = 250;
/// The highest count in `x{n,m}`, also multiplied over nested ones.
const REPEAT_LIMIT: u32 = 1000;

/// What a pattern says about the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnNothing {
    Matches,
    Fails,
}

/// Checks a pattern, which is anchored on both sides.
pub(super) fn check(pattern: &str) -> Result<OnNothing, &'static str> {
    let mut parser = Parser { rest: pattern.chars().collect(), at: 0, names: Vec::new() };
    let whole = parser.alternation(0)?;
    if parser.at < parser.rest.len() {
        return Err("an unexpected `)`");
    }
    Ok(if whole.nothing { OnNothing::Matches } else { OnNothing::Fails })
}

/// What is known about a part of a pattern.
#[derive(Clone, Copy)]
struct Part {
    /// It can match the empty text.
    nothing: bool,
    /// How often its innermost character may be repeated by counts.
    count: u32,
}

const ONE_CHARACTER: Part = Part { nothing: false, count: 1 };
const NO_CHARACTER: Part = Part { nothing: true, count: 1 };

struct Parser {
    rest: Vec<char>,
    at: usize,
    names: Vec<String>,
}

type Parsed<T> = Result<T, &'static str>;

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn take(&mut self, text: &str) -> bool {
        let found =
            text.chars().enumerate().all(|(offset, c)| self.rest.get(self.at + offset) == Some(&c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn alternation(&mut self, depth: usize) -> Parsed<Part> {
        if depth > DEPTH_LIMIT {
            return Err("groups that are nested too deep");
        }
        let mut whole = self.concatenation(depth)?;
        while self.take("|") {
            let branch = self.concatenation(depth)?;
            whole = Part {
                nothing: whole.nothing || branch.nothing,
                count: whole.count.max(branch.count),
            };
        }
        Ok(whole)
    }

    fn concatenation(&mut self, depth: usize) -> Parsed<Part> {
        let mut whole = NO_CHARACTER;
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            let part = self.repeated(depth)?;
            whole =
                Part { nothing: whole.nothing && part.nothing, count: whole.count.max(part.count) };
        }
        Ok(whole)
    }

    fn repeated(&mut self, depth: usize) -> Parsed<Part> {
        let Some(part) = self.atom(depth)? else { return Ok(NO_CHARACTER) };
        let part = match self.repetition()? {
            None => return Ok(part),
            Some((least, most)) => {
                let count = part.count.saturating_mul(most.max(1));
                if most > 1 && count > REPEAT_LIMIT {
                    return Err("a repetition of more than 1000");
                }
                Part { nothing: part.nothing || least == 0, count }
            }
        };
        // One more repetition of a repetition is refused; of a group that holds one it is not.
        if self.repetition()?.is_some() { Err("a repetition of a repetition") } else { Ok(part) }
    }

    /// The counts of a repetition that comes next; the upper one is 1 if it is open.
    fn repetition(&mut self) -> Parsed<Option<(u32, u32)>> {
        let counts = match self.peek() {
            Some('*' | '?') => {
                self.at += 1;
                (0, 1)
            }
            Some('+') => {
                self.at += 1;
                (1, 1)
            }
            Some('{') => match self.counts()? {
                Some(counts) => counts,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.take("?");
        Ok(Some(counts))
    }

    /// `{2}`, `{2,}` or `{2,3}`; anything else after a brace is text.
    fn counts(&mut self) -> Parsed<Option<(u32, u32)>> {
        let start = self.at;
        self.at += 1;
        let least = self.integer();
        let open = least.is_some() && self.take(",");
        let most = if open { self.integer() } else { None };
        if least.is_none() || !self.take("}") {
            self.at = start;
            return Ok(None);
        }
        let least = least.unwrap_or(0);
        let most = if open { most } else { Some(least) };
        if least > REPEAT_LIMIT || most.is_some_and(|most| most > REPEAT_LIMIT || most < least) {
            return Err("a repetition of more than 1000, or from more to less");
        }
        Ok(Some((least, most.unwrap_or(least))))
    }

    fn integer(&mut self) -> Option<u32> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.rest[start..self.at].iter().collect();
        let leading_zero = digits.len() > 1 && digits.starts_with('0');
        if digits.is_empty() || leading_zero {
            self.at = start;
            return None;
        }
        Some(digits.parse().unwrap_or(u32::MAX))
    }

    /// `None` for flags, which nothing can repeat, but nothing is wrong with either.
    fn atom(&mut self, depth: usize) -> Parsed<Option<Part>> {
        let part = match self.peek() {
            Some('(') => return self.group(depth),
            Some('[') => self.class()?,
            Some('\\') => self.escape()?,
            Some('*' | '+' | '?') => return Err("a repetition of nothing"),
            Some('{') => {
                if self.counts()?.is_some() {
                    return Err("a repetition of nothing");
                }
                self.at += 1;
                ONE_CHARACTER
            }
            Some('^' | '$') => {
                self.at += 1;
                NO_CHARACTER
            }
            _ => {
                self.at += 1;
                ONE_CHARACTER
            }
        };
        Ok(Some(part))
    }

    fn group(&mut self, depth: usize) -> Parsed<Option<Part>> {
        self.at += 1;
        if self.take("?P<") || self.take("?<") {
            let mut name = String::new();
            loop {
                match self.next() {
                    Some('>') => break,
                    Some(c) if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
                    _ => return Err("a group with a faulty name"),
                }
            }
            if name.is_empty() || self.names.contains(&name) {
                return Err("a group with a faulty name");
            }
            self.names.push(name);
        } else if self.take("?") {
            let (mut negated, mut flags_since) = (false, 0);
            loop {
                match self.next() {
                    Some('i' | 'm' | 's' | 'U') => flags_since += 1,
                    Some('-') if !negated => (negated, flags_since) = (true, 0),
                    Some(':') if !negated || flags_since > 0 => break,
                    Some(')') if !negated || flags_since > 0 => {
                        // Flags repeat nothing, whatever comes next.
                        return if matches!(self.peek(), Some('*' | '+' | '?')) {
                            Err("a repetition of nothing")
                        } else {
                            Ok(None)
                        };
                    }
                    _ => return Err("a group that Go does not know"),
                }
            }
        }
        let inner = self.alternation(depth + 1)?;
        if self.take(")") { Ok(Some(inner)) } else { Err("a `(` without `)`") }
    }

    fn escape(&mut self) -> Parsed<Part> {
        if self.take("\\Q") {
            let start = self.at;
            while self.at < self.rest.len() && !self.rest[self.at..].starts_with(&['\\', 'E']) {
                self.at += 1;
            }
            let literal = self.at > start;
            self.take("\\E");
            return Ok(if literal { ONE_CHARACTER } else { NO_CHARACTER });
        }
        match self.rest.get(self.at + 1) {
            Some('A' | 'z' | 'B') => {
                self.at += 2;
                Ok(NO_CHARACTER)
            }
            // There is no word boundary in an empty text.
            Some('b') => {
                self.at += 2;
                Ok(ONE_CHARACTER)
            }
            _ => {
                if !self.class_escape()? {
                    self.character_escape()?;
                }
                Ok(ONE_CHARACTER)
            }
        }
    }

    /// `\d` and `\pL` and their like.
    fn class_escape(&mut self) -> Parsed<bool> {
        match self.rest.get(self.at + 1) {
            Some('d' | 'D' | 's' | 'S' | 'w' | 'W') => {
                self.at += 2;
                Ok(true)
            }
            Some('p' | 'P') => {
                self.at += 2;
                let named = match self.next() {
                    Some('{') => {
                        self.take("^");
                        let start = self.at;
                        while self.peek().is_some_and(|c| c.is_ascii_alphabetic() || c == '_') {
                            self.at += 1;
                        }
                        self.at > start && self.take("}")
                    }
                    Some(class) => "CLMNPSZ".contains(class),
                    None => false,
                };
                if named { Ok(true) } else { Err("an unknown class of characters") }
            }
            _ => Ok(false),
        }
    }

    /// An escape that stands for one character.
    fn character_escape(&mut self) -> Parsed<char> {
        const UNKNOWN: &str = "an unknown escape";
        self.at += 1;
        let kind = self.next().ok_or("a `\\` at the end")?;
        match kind {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            'x' => {
                let braced = self.take("{");
                let start = self.at;
                while self.peek().is_some_and(|c| c.is_ascii_hexdigit())
                    && (braced || self.at - start < 2)
                {
                    self.at += 1;
                }
                let digits: String = self.rest[start..self.at].iter().collect();
                if digits.len() < 2 && !braced || braced && !self.take("}") {
                    return Err(UNKNOWN);
                }
                u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or(UNKNOWN)
            }
            // One digit would be a back reference, which Go doesn't have.
            '1'..='7' if !self.peek().is_some_and(|c| matches!(c, '0'..='7')) => Err(UNKNOWN),
            '0'..='7' => {
                let mut code = kind.to_digit(8).ok_or(UNKNOWN)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code).ok_or(UNKNOWN)
            }
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok(other),
            _ => Err(UNKNOWN),
        }
    }

    fn class(&mut self) -> Parsed<Part> {
        const OPEN: &str = "a `[` without `]`";
        self.at += 1;
        self.take("^");
        let mut first = true;
        loop {
            match self.peek().ok_or(OPEN)? {
                ']' if !first => {
                    self.at += 1;
                    return Ok(ONE_CHARACTER);
                }
                '[' if self.named_class()? => {}
                '\\' if self.class_escape()? => {}
                _ => {
                    let low = self.class_character()?;
                    let range = self.peek() == Some('-')
                        && self.rest.get(self.at + 1).is_some_and(|&c| c != ']');
                    if range {
                        self.at += 1;
                        if self.class_character()? < low {
                            return Err("a range from more to less");
                        }
                    }
                }
            }
            first = false;
        }
    }

    fn class_character(&mut self) -> Parsed<char> {
        match self.peek() {
            Some('\\') => self.character_escape(),
            Some(_) => self.next().ok_or("a `[` without `]`"),
            None => Err("a `[` without `]`"),
        }
    }

    /// `[:alpha:]` within a class; a `[` that doesn't look like it is a character.
    fn named_class(&mut self) -> Parsed<bool> {
        /// Characters of the longest name, `^` included.
        const LONGEST: usize = 7;
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        if !self.rest[self.at..].starts_with(&['[', ':']) {
            return Ok(false);
        }
        let name: String = self.rest[self.at + 2..].iter().take(LONGEST + 2).collect();
        let Some((name, _)) = name.split_once(":]") else { return Ok(false) };
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err("an unknown class of characters");
        }
        self.at += name.chars().count() + 4;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_go_refuses() {
        for bad in [
            "(north",
            "north)",
            "(?!x)",
            "(?=x)",
            "[a",
            "*a",
            "a**",
            "a+*",
            "a{1001}",
            "a{3,2}",
            "(a{100}){100}",
            "\\q",
            "\\1",
            "\\8",
            "\\",
            "[b-a]",
            "[[:foo:]]",
            "(?P<a>x)(?P<a>y)",
            "(?P<>x)",
            "\\pX",
            "\\C",
            "a|*",
            "(?i)*",
            "[]",
            "\\x1",
            "(?-)",
            "(?z)",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn takes_what_go_takes() {
        for good in [
            "nor.+",
            "[[]x",
            "[]a]",
            "[^]a]",
            "a{,3}",
            "{",
            "{{ x }}",
            "a{b}",
            "\\Q(\\E",
            "[[:alpha:]-z]",
            "(?i:a|b)",
            "(?P<a>x)",
            "(?<a>x)",
            "\\pL\\p{Greek}\\PN",
            "\\x{1F9F5}",
            "\\/\\-\\_",
            "^a$",
            "^*",
            "(a*)*",
            "[a-]",
            "a??",
            "(?s).",
            "\\101",
            "[\\d-z]",
            "(?:)",
            "x{0}",
            "(a{10}){10}",
            "a{2}{",
        ] {
            assert!(check(good).is_ok(), "{good}: {:?}", check(good));
        }
    }

    #[test]
    fn knows_what_matches_nothing() {
        for (pattern, expected) in [
            (".*", true),
            (".+", false),
            ("", true),
            ("a|", true),
            ("a|b", false),
            ("(a?b*)+", true),
            ("^$", true),
            ("\\b", false),
            ("a{0,3}", true),
            ("(?i)", true),
            ("\\Q\\E", true),
        ] {
            assert_eq!(check(pattern) == Ok(OnNothing::Matches), expected, "{pattern}");
        }
    }
}
