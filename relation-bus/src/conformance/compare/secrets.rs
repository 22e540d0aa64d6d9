//! Secrets, matched by label.

use super::{Judge, json};
use crate::conformance::outcome::{Openness, Secret};

impl Judge<'_> {
    pub(super) fn secrets(&mut self, expected: &[Secret], found: &[Secret]) {
        let mut left: Vec<&Secret> = found.iter().collect();
        for want in expected {
            let path = path_of(want);
            let Some(at) = left.iter().position(|secret| name(secret) == name(want)) else {
                self.missing(&path, "a secret");
                continue;
            };
            let got = left.remove(at);
            self.json(&format!("{path}/owner"), &json(&want.owner), &json(&got.owner));
            self.json(&format!("{path}/grants"), &json(&want.grants), &json(&got.grants));
            if !want.content.keys().eq(got.content.keys()) {
                let keys = |secret: &Secret| json(&secret.content.keys().collect::<Vec<_>>());
                self.json(&format!("{path}/content"), &keys(want), &keys(got));
                continue;
            }
            for (key, want) in &want.content {
                let here = format!("{path}/content/{key}");
                let Some(got) = got.content.get(key) else { continue };
                self.secret_value(&here, key, want, got);
            }
        }
        for secret in left {
            self.unexpected(&path_of(secret), "a secret");
        }
    }

    /// Compares one value; what differs is named, never shown.
    fn secret_value(&mut self, path: &str, key: &str, expected: &str, found: &str) {
        let (equal, wanted) = match self.open.get(path) {
            Some(Openness::Generated) if key == "private-key" => {
                (is_private_key(found), "an RSA private key in PEM form")
            }
            Some(_) => (true, ""),
            None => (expected.trim_end() == found.trim_end(), "another text"),
        };
        if !equal {
            let found = format!("a text of {} bytes", found.len());
            self.differ(path, String::new(), Some(wanted.to_owned()), Some(found));
        }
    }
}

fn name(secret: &Secret) -> &str {
    secret.label.as_deref().unwrap_or(&secret.id)
}

fn path_of(secret: &Secret) -> String {
    format!("secrets/{}", name(secret))
}

/// Whether a text is one private key in PEM form.
fn is_private_key(text: &str) -> bool {
    ["RSA PRIVATE KEY", "PRIVATE KEY"].iter().any(|kind| {
        text.strip_prefix(&format!("-----BEGIN {kind}-----\n"))
            .and_then(|rest| {
                rest.trim_end_matches('\n').strip_suffix(&format!("-----END {kind}-----"))
            })
            .is_some_and(|body| {
                !body.is_empty()
                    && body.chars().all(|c| c.is_ascii_alphanumeric() || "+/=\n".contains(c))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::paths;
    use super::*;
    use crate::conformance::outcome::{OpenPlace, Outcome};

    fn secret(id: &str, label: Option<&str>, value: &str) -> Outcome {
        let secret = Secret {
            id: id.to_owned(),
            label: label.map(str::to_owned),
            owner: Some("unit".to_owned()),
            content: [("private-key".to_owned(), value.to_owned())].into(),
            grants: [("4".to_owned(), vec!["app".to_owned()])].into(),
        };
        Outcome { secrets: vec![secret], ..Outcome::default() }
    }

    #[test]
    fn the_label_decides_and_ids_are_free() {
        let want = secret("secret:a", Some("key"), "x\n");
        assert_eq!(paths(&want, &secret("secret:b", Some("key"), "x")), [""; 0]);
        assert_eq!(
            paths(&want, &secret("secret:b", Some("key"), "y")),
            ["secrets/key/content/private-key"]
        );
        assert_eq!(
            paths(&want, &secret("secret:a", None, "x")),
            ["secrets/key", "secrets/secret:a"]
        );
    }

    #[test]
    fn a_generated_key_only_has_to_be_one() {
        let mut want = secret("secret:a", Some("key"), "any");
        let path = "secrets/key/content/private-key".to_owned();
        want.open = vec![OpenPlace { path: path.clone(), kind: Openness::Generated }];
        let key = "-----BEGIN RSA PRIVATE KEY-----\nAb+/=\n-----END RSA PRIVATE KEY-----\n";
        assert_eq!(paths(&want, &secret("secret:z", Some("key"), key)), [""; 0]);
        assert_eq!(paths(&want, &secret("secret:z", Some("key"), "no key")), [path]);
    }
}
