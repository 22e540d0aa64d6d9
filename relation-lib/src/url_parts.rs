//! The parts of a URL as it is written, without the normalising of a URL type: what Python's
//! `urlparse` sees.

/// The parts of a URL that wire formats carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlParts<'a> {
    /// The scheme, if there is one before `://`.
    pub(crate) scheme: Option<&'a str>,
    /// The host in lower case, without brackets, user and port; `None` when it is empty.
    pub(crate) host: Option<String>,
    /// What follows the host's colon.
    pub(crate) port: Option<&'a str>,
    /// From the first `/` after the host to query or fragment, verbatim.
    pub(crate) path: &'a str,
}

/// Takes a URL apart. A text without `://` is read as host, port and path.
pub(crate) fn url_parts(url: &str) -> UrlParts<'_> {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if !scheme.is_empty() => (Some(scheme), rest),
        _ => (None, url),
    };
    let rest = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let host = (!host.is_empty()).then(|| host.to_lowercase());
    UrlParts { scheme, host, port: port.filter(|port| !port.is_empty()), path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_urls_apart_verbatim() {
        for (url, scheme, host, port, path) in [
            (
                "https://Edge.example:8443/a//b/?q#f",
                Some("https"),
                Some("edge.example"),
                Some("8443"),
                "/a//b/",
            ),
            ("http://u:p@[2001:DB8::1]:9/x", Some("http"), Some("2001:db8::1"), Some("9"), "/x"),
            ("edge", None, Some("edge"), None, ""),
            ("edge:80/m", None, Some("edge"), Some("80"), "/m"),
            ("", None, None, None, ""),
            ("http://", Some("http"), None, None, ""),
            ("[::1", None, Some("["), Some(":1"), ""),
        ] {
            let expected = UrlParts { scheme, host: host.map(str::to_owned), port, path };
            assert_eq!(url_parts(url), expected, "{url}");
        }
    }
}
