//! The private key behind a certificate request.

use std::fmt;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};

use super::TlsError;

/// The size of keys that we make, in bits; it is also what the Python library makes.
pub const KEY_SIZE: usize = 2048;

/// An RSA private key. It prints redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(RsaPrivateKey);

impl PrivateKey {
    /// The key that follows from 32 random bytes: the same bytes give the same key.
    ///
    /// Takes a good part of a second.
    ///
    /// # Errors
    ///
    /// When the arithmetic finds no primes, which is as likely as guessing the key.
    pub fn generate(seed: [u8; 32]) -> Result<Self, TlsError> {
        let mut rng = ChaCha20Rng::from_seed(seed);
        RsaPrivateKey::new(&mut rng, KEY_SIZE)
            .map(PrivateKey)
            .map_err(|error| TlsError::Generate { reason: error.to_string() })
    }

    /// A key in PEM form, PKCS#1 (`RSA PRIVATE KEY`) or PKCS#8 (`PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// When it is neither.
    pub fn from_pem(pem: &str) -> Result<Self, TlsError> {
        let pem = pem.trim();
        let key = if pem.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
            RsaPrivateKey::from_pkcs1_pem(pem).ok()
        } else {
            RsaPrivateKey::from_pkcs8_pem(pem).ok()
        };
        // The reason is left out: it may quote the key.
        key.map(PrivateKey).ok_or(TlsError::Key)
    }

    /// The key as PKCS#1 PEM without a trailing line end, as it lies in secrets.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let pem = self.0.to_pkcs1_pem(LineEnding::LF).expect("a valid key has a PEM form");
        pem.trim_end().to_owned()
    }

    /// The public key, as the DER form of a subject public key info.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        let der = self.0.to_public_key().to_public_key_der();
        der.expect("a valid key has a DER form").into_vec()
    }

    /// The key in the form in which certificates and requests are signed.
    pub(super) fn signer(&self) -> Result<rcgen::KeyPair, TlsError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).expect("a valid key has a PEM form");
        rcgen::KeyPair::from_pem_and_sign_algo(&pem, &rcgen::PKCS_RSA_SHA256)
            .map_err(|error| TlsError::Sign { reason: error.to_string() })
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_the_form_is_that_of_python() {
        let key = PrivateKey::generate([7; 32]).unwrap();
        assert_eq!(PrivateKey::generate([7; 32]).unwrap(), key);
        let pem = key.to_pem();
        assert!(pem.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert!(pem.ends_with("-----END RSA PRIVATE KEY-----"));
        assert!(pem.lines().all(|line| line.len() <= 64));
        assert_eq!(PrivateKey::from_pem(&format!("{pem}\n")).unwrap(), key);
        assert_eq!(format!("{key:?}"), "(redacted)");
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_quoted() {
        let error = PrivateKey::from_pem("hunter2").unwrap_err();
        assert_eq!(error.to_string(), "cannot read the private key: it is no RSA key in PEM form");
    }
}
