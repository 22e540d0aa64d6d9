//! The workload's version, from what it prints about itself.

/// The word after the first `version` or `Version`, with or without a colon in between.
///
/// ```
/// assert_eq!(worker::version::read("loki, version 3.1.0 (branch: HEAD)"), Some("3.1.0".to_owned()));
/// assert_eq!(worker::version::read("usage: loki"), None);
/// ```
pub fn read(output: &str) -> Option<String> {
    output.match_indices("ersion").find_map(|(at, word)| {
        if !output[..at].ends_with(['v', 'V']) {
            return None;
        }
        let rest = &output[at + word.len()..];
        let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start();
        rest.split_whitespace().next().map(str::to_owned)
    })
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_word_after_version_is_taken() {
        for (output, version) in [
            ("tally, version 3.14.2 (branch: HEAD)\n", Some("3.14.2")),
            ("Version: 2.0\nbuilt today", Some("2.0")),
            ("conversion 1\nversion\n 4", Some("1")),
            ("inversion: none version", Some("none")),
            ("VERSION 1", None),
            ("version:", None),
            ("", None),
        ] {
            assert_eq!(read(output).as_deref(), version, "{output}");
        }
    }
}
