//! The text of an nginx configuration, laid out as the Python library (crossplane) writes it.

use std::fmt::Write as _;

/// A directive: a name, arguments, and for some a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    name: String,
    arguments: Vec<String>,
    block: Option<Vec<Directive>>,
}

impl Directive {
    /// A directive that ends with a semicolon.
    pub(super) fn simple<'a>(name: &str, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        Self { name: name.to_owned(), arguments, block: None }
    }

    /// A directive with a block.
    pub(super) fn block<'a>(
        name: &str,
        arguments: impl IntoIterator<Item = &'a str>,
        block: Vec<Directive>,
    ) -> Self {
        Self { block: Some(block), ..Self::simple(name, arguments) }
    }
}

/// The text: four blanks for each level, no line break at the end.
pub(super) fn write(directives: &[Directive]) -> String {
    let mut text = String::new();
    write_level(directives, 0, &mut text);
    text.pop();
    text
}

fn write_level(directives: &[Directive], depth: usize, text: &mut String) {
    let indent = "    ".repeat(depth);
    for directive in directives {
        let _ = write!(text, "{indent}{}", quoted(&directive.name));
        for argument in &directive.arguments {
            let _ = write!(text, " {}", quoted(argument));
        }
        match &directive.block {
            None => text.push_str(";\n"),
            Some(block) => {
                text.push_str(" {\n");
                write_level(block, depth + 1, text);
                let _ = writeln!(text, "{indent}}}");
            }
        }
    }
}

fn quoted(argument: &str) -> String {
    if !needs_quotes(argument) {
        return argument.to_owned();
    }
    if argument.contains('\'') && !argument.contains('"') {
        format!("\"{argument}\"")
    } else {
        format!("'{}'", argument.replace('\'', "\\'"))
    }
}

/// Whether the argument holds what has a meaning of its own to nginx. `${name}` is a variable and
/// may stand anywhere but at the start.
fn needs_quotes(argument: &str) -> bool {
    if argument.is_empty() || argument.starts_with("${") || argument.ends_with(['\\', '$']) {
        return true;
    }
    let mut in_variable = false;
    let mut previous = ' ';
    for c in argument.chars() {
        let escaped = previous == '\\';
        match c {
            _ if escaped => {}
            '{' if previous == '$' && !in_variable => in_variable = true,
            '}' if in_variable => in_variable = false,
            '{' | '}' | ';' | '"' | '\'' => return true,
            c if c.is_whitespace() => return true,
            _ => {}
        }
        previous = if escaped { ' ' } else { c };
    }
    in_variable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nginx_would_misread_is_quoted() {
        for bare in ["~^[23]", "/$1", "HIGH:!aNULL:!MD5", "$http_x", "a${b}c", "[::]:80"] {
            assert_eq!(quoted(bare), bare);
        }
        for (argument, text) in [
            ("", "''"),
            ("^/x(/.*)$", "'^/x(/.*)$'"),
            ("'OK'", "\"'OK'\""),
            ("a b", "'a b'"),
            ("${a}", "'${a}'"),
            ("a;b", "'a;b'"),
            ("a{2}", "'a{2}'"),
            ("say \"hi\" 'you'", "'say \"hi\" \\'you\\''"),
            ("a${b", "'a${b'"),
            ("back\\", "'back\\'"),
        ] {
            assert_eq!(quoted(argument), text);
        }
    }

    #[test]
    fn blocks_are_indented_and_the_text_ends_without_a_line_break() {
        let directives = [
            Directive::simple("pid", ["/tmp/nginx.pid"]),
            Directive::block("events", [], vec![Directive::simple("worker_connections", ["4"])]),
            Directive::block("location", ["=", "/"], vec![]),
        ];
        assert_eq!(
            write(&directives),
            "pid /tmp/nginx.pid;\nevents {\n    worker_connections 4;\n}\nlocation = / {\n}"
        );
    }
}
