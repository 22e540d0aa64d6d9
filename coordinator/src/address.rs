//! Hosts and URLs that others publish, checked before they get anywhere near a configuration file.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// Why a text is no host or URL that we could use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a host name and not an address.
    #[error("cannot use the host: expected a host name or an address")]
    Host,
    /// Not a port.
    #[error("cannot use the port: expected a number from 1 to 65535")]
    Port,
    /// The path holds what a URL can't hold.
    #[error("cannot use the path: expected the characters of a URL")]
    Path,
}

/// A host name or an IP address (IPv6 without brackets).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

impl Host {
    /// The text, without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as it stands before `:port`: an IPv6 address in brackets.
    pub fn with_brackets(&self) -> String {
        if self.0.parse::<Ipv6Addr>().is_ok() { format!("[{}]", self.0) } else { self.0.clone() }
    }

    /// Whether it is an address, not a name.
    pub fn is_address(&self) -> bool {
        self.0.parse::<IpAddr>().is_ok()
    }
}

impl FromStr for Host {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let is_name = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        if bare.parse::<Ipv6Addr>().is_ok() || is_name(text) {
            Ok(Self(bare.to_owned()))
        } else {
            Err(AddressError::Host)
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of a URL. gRPC receivers are published as `host:port` without scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl {
    /// The scheme in lower case; `None`: there is none.
    pub scheme: Option<String>,
    /// The host in lower case.
    pub host: Host,
    /// The port, if it is there.
    pub port: Option<u16>,
    /// The path, verbatim; empty if there is none. Query and fragment don't count.
    pub path: String,
}

impl HttpUrl {
    /// Whether the scheme is one with TLS.
    pub fn is_tls(&self) -> bool {
        self.scheme.as_deref().is_some_and(|scheme| scheme.ends_with('s'))
    }

    /// The port, or that of the scheme.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.is_tls() { 443 } else { 80 })
    }
}

impl FromStr for HttpUrl {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        // In `[::1]:80` the last colon after the bracket is the port's.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None | Some("") => None,
            Some(text) => match text.parse() {
                Ok(0) | Err(_) => return Err(AddressError::Port),
                Ok(port) => Some(port),
            },
        };
        let path = tail.split(['?', '#']).next().unwrap_or_default();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/-._~!&'()*+,=:@%".contains(c);
        if !path.chars().all(allowed) {
            return Err(AddressError::Path);
        }
        Ok(Self { scheme, host: host.to_ascii_lowercase().parse()?, port, path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (bool, String, u16, String) {
        let url: HttpUrl = text.parse().expect("valid");
        (url.is_tls(), url.host.with_brackets(), url.port_or_default(), url.path)
    }

    #[test]
    fn urls_fall_into_parts() {
        assert_eq!(
            parts("https://A.example/x/y?q=1"),
            (true, "a.example".into(), 443, "/x/y".into())
        );
        assert_eq!(
            parts("http://[2001:db8::7]:9090"),
            (false, "[2001:db8::7]".into(), 9090, "".into())
        );
        assert_eq!(parts("tempo.svc:4317"), (false, "tempo.svc".into(), 4317, "".into()));
        assert_eq!(parts("http://u:p@h:1/"), (false, "h".into(), 1, "/".into()));
    }

    #[test]
    fn what_could_break_a_configuration_is_refused() {
        assert_eq!("a b".parse::<Host>(), Err(AddressError::Host));
        assert_eq!("a;b".parse::<Host>(), Err(AddressError::Host));
        assert_eq!("".parse::<Host>(), Err(AddressError::Host));
        assert_eq!("http://h:99999".parse::<HttpUrl>(), Err(AddressError::Port));
        assert_eq!("http://h/$host".parse::<HttpUrl>(), Err(AddressError::Path));
        assert_eq!("http://h/a;b".parse::<HttpUrl>(), Err(AddressError::Path));
    }
}
