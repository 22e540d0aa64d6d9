//! The labels of the Juju secrets that hold keys and certificates.
//!
//! They are the Python library's, so that a deployment keeps its secrets when one side is
//! swapped for the other.

use super::request::CertificateSigningRequest;

/// The id of the Python library, with which all labels start.
const LIBRARY: &str = "afd8c2bccf834997afce12c2706d2ede";

/// Whose key and certificate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// One of each for every unit, which coordinators use.
    Unit(u32),
    /// One of each for the application.
    Application,
}

/// The label of the secret with the private key (content key `private-key`).
#[must_use]
pub fn private_key_label(owner: Owner, endpoint: &str) -> String {
    match owner {
        Owner::Unit(number) => format!("{LIBRARY}-private-key-{number}-{endpoint}"),
        Owner::Application => format!("{LIBRARY}-private-key-app-{endpoint}"),
    }
}

/// Labels under which older revisions kept the private key.
#[must_use]
pub fn older_private_key_labels(owner: Owner, endpoint: &str) -> Vec<String> {
    match owner {
        Owner::Unit(_) => vec![],
        Owner::Application => vec![format!("{LIBRARY}-private-key-{endpoint}")],
    }
}

/// The label of the secret with a certificate (content keys `certificate`, `csr`).
#[must_use]
pub fn certificate_label(
    owner: Owner,
    endpoint: &str,
    request: &CertificateSigningRequest,
) -> String {
    let hash = request.sha256_hex();
    match owner {
        Owner::Unit(number) => format!("{LIBRARY}-certificate-{number}-{endpoint}-{hash}"),
        Owner::Application => format!("{LIBRARY}-certificate-{endpoint}-{hash}"),
    }
}

/// Labels under which older revisions kept a certificate: without the endpoint.
#[must_use]
pub fn older_certificate_labels(owner: Owner, request: &CertificateSigningRequest) -> Vec<String> {
    let hash = request.sha256_hex();
    vec![match owner {
        Owner::Unit(number) => format!("{LIBRARY}-certificate-{number}-{hash}"),
        Owner::Application => format!("{LIBRARY}-certificate-{hash}"),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_python_library() {
        let request = CertificateSigningRequest::from_pem(" x\n");
        let hash = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
        let label = |rest: &str| format!("afd8c2bccf834997afce12c2706d2ede-{rest}");
        assert_eq!(private_key_label(Owner::Unit(3), "tls-in"), label("private-key-3-tls-in"));
        assert_eq!(
            private_key_label(Owner::Application, "tls-in"),
            label("private-key-app-tls-in")
        );
        assert_eq!(
            older_private_key_labels(Owner::Application, "tls-in"),
            [label("private-key-tls-in")]
        );
        assert_eq!(
            certificate_label(Owner::Unit(0), "tls-in", &request),
            label(&format!("certificate-0-tls-in-{hash}"))
        );
        assert_eq!(
            certificate_label(Owner::Application, "tls-in", &request),
            label(&format!("certificate-tls-in-{hash}"))
        );
        assert_eq!(
            older_certificate_labels(Owner::Unit(0), &request),
            [label(&format!("certificate-0-{hash}"))]
        );
    }
}
