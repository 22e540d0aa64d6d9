//! The private key of a unit.

use charm::secret::SecretText;
use charm::snapshot::Seed;
use rsa::RsaPrivateKey;
use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPrivateKey, LineEnding};
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};

use super::TlsError;
use super::random::SeededRandom;

/// A private key that we can use.
pub(super) struct PrivateKey {
    rsa: RsaPrivateKey,
    /// The text as it is kept.
    pub text: SecretText,
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey(secret)")
    }
}

impl PrivateKey {
    /// Makes a key: RSA with 2048 bits, written as PKCS#1 PEM without trailing line break.
    ///
    /// # Errors
    /// When the arithmetic library refuses, which it has no reason to.
    pub(super) fn generate(seed: &Seed) -> Result<Self, TlsError> {
        let mut random = SeededRandom::new(seed, "private key");
        let rsa = RsaPrivateKey::new(&mut random, 2048).map_err(|_| TlsError::Generate)?;
        let pem = rsa.to_pkcs1_pem(LineEnding::LF).map_err(|_| TlsError::Generate)?;
        let text = SecretText::new(pem.trim_end());
        Ok(Self { rsa, text })
    }

    /// Reads a key in PEM form, PKCS#1 or PKCS#8.
    ///
    /// # Errors
    /// When it is no RSA key.
    pub(super) fn read(text: &SecretText) -> Result<Self, TlsError> {
        let pem = text.reveal();
        let rsa = RsaPrivateKey::from_pkcs1_pem(pem)
            .ok()
            .or_else(|| RsaPrivateKey::from_pkcs8_pem(pem).ok())
            .ok_or(TlsError::Key)?;
        Ok(Self { rsa, text: text.clone() })
    }

    /// The key as PKCS#8, for signing.
    pub(super) fn pkcs8(&self) -> Result<Vec<u8>, TlsError> {
        let der = self.rsa.to_pkcs8_der().map_err(|_| TlsError::Key)?;
        Ok(der.as_bytes().to_vec())
    }

    /// The public key that belongs to it, as requests and certificates hold it.
    pub(super) fn public(&self) -> Result<Vec<u8>, TlsError> {
        let der = self.rsa.to_public_key().to_public_key_der().map_err(|_| TlsError::Key)?;
        Ok(der.as_bytes().to_vec())
    }
}
