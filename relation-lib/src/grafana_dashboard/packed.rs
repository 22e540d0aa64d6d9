//! Dashboards as they travel: xz-compressed, then base64.

use std::fmt;
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use liblzma::read::XzDecoder;
use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;
use serde::{Deserialize, Serialize};

/// The liblzma preset of the Python side (cosl 1.11; 1.9 has 6). Readers take any.
const PRESET: u32 = 3;

/// The most that is unpacked: Grafana itself takes no larger dashboard, and a few foreign bytes
/// may claim to be gigabytes.
const MOST_UNPACKED: u64 = 32 << 20;

/// Why a packed dashboard can't be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// The text is no base64.
    #[error("cannot unpack a dashboard that is not base64")]
    Base64,
    /// The bytes are no xz stream, or a cut one.
    #[error("cannot unpack a dashboard that is not xz-compressed, or cut short")]
    Xz,
    /// What comes out is no UTF-8.
    #[error("cannot unpack a dashboard that is not UTF-8 text")]
    Text,
    /// What comes out is more than any Grafana takes.
    #[error("cannot unpack a dashboard of more than {MOST_UNPACKED} bytes")]
    Size,
}

/// A text, compressed and as base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedDashboard(String);

impl PackedDashboard {
    /// Compresses a text as Python's `lzma` does, to the byte.
    #[must_use]
    pub fn pack(text: &str) -> Self {
        let stream = Stream::new_easy_encoder(PRESET, Check::Crc64)
            .expect("the preset exists and there is memory for it");
        let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
        let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        PackedDashboard(STANDARD.encode(packed.expect("a vector takes every write")))
    }

    /// A text that claims to be packed, as it stands in a databag.
    #[must_use]
    pub fn from_wire(text: impl Into<String>) -> Self {
        PackedDashboard(text.into())
    }

    /// The text as it stands in a databag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that was packed.
    ///
    /// # Errors
    ///
    /// When it isn't a packed text, or too large a one.
    pub fn unpack(&self) -> Result<String, UnpackError> {
        let packed = STANDARD.decode(self.0.trim()).map_err(|_| UnpackError::Base64)?;
        let mut text = Vec::new();
        XzDecoder::new(packed.as_slice())
            .take(MOST_UNPACKED + 1)
            .read_to_end(&mut text)
            .map_err(|_| UnpackError::Xz)?;
        if text.len() as u64 > MOST_UNPACKED {
            return Err(UnpackError::Size);
        }
        String::from_utf8(text).map_err(|_| UnpackError::Text)
    }
}

impl fmt::Debug for PackedDashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes packed)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_to_the_byte_and_unpacks() {
        let text = r#"{"title": "Loom overview", "version": 3, "panels": [], "tags": ["charm: loom-coordinator-k8s"], "uid": "a16d9d4d0a70e9d348aa807cfa04a2b4418a12ac"}"#;
        let packed = PackedDashboard::pack(text);
        assert_eq!(
            packed.as_str(),
            "/Td6WFoAAATm1rRGAgAhARQAAAD/5+wJ4ACRAINdAD2IiobUVOndN3jT8guPYUqAAsgYn3pH+qToMs4nNOOfwl+FMvNMiYBOodOtRNOf4oeso1Ivvi4TCaQfv9ER4Xw/5QM8hOOCVklm+E8GnNNvQUQR93MJLH04bPGun45be6A7uRbemUf3DQwsCROv4t9vpPhkBkuxvGVwQ/0RCA4+NdgvAACWs94nHqB5vwABnwGSAQAA4xqOBLHEZ/sCAAAAAARZWg=="
        );
        assert_eq!(packed.unpack().as_deref(), Ok(text));
    }

    #[test]
    fn what_is_not_packed_is_told_apart() {
        let unpack = |text: &str| PackedDashboard::from_wire(text).unpack();
        assert_eq!(unpack("not base64!"), Err(UnpackError::Base64));
        assert_eq!(unpack("bm90IHh6"), Err(UnpackError::Xz));
        let cut = &PackedDashboard::pack("{}").0[..40];
        assert_eq!(unpack(cut), Err(UnpackError::Xz));
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let bomb = PackedDashboard::pack(&" ".repeat(MOST_UNPACKED as usize + 1));
        assert!(bomb.as_str().len() < 10_000, "{bomb:?}");
        assert_eq!(bomb.unpack(), Err(UnpackError::Size));
    }
}
