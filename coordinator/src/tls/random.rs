//! Randomness out of the dispatch's seed, so that a decision stays a function of the snapshot.

use charm::snapshot::Seed;
use rsa::rand_core::{CryptoRng, Error, RngCore};
use sha2::{Digest, Sha256};

/// A stream of random bytes: SHA-256 over seed, purpose and a counter.
pub(super) struct SeededRandom {
    key: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl SeededRandom {
    /// The stream for a purpose. Streams for different purposes have nothing in common.
    pub(super) fn new(seed: &Seed, purpose: &str) -> Self {
        let key = Sha256::new_with_prefix(seed.0).chain_update(purpose.as_bytes()).finalize();
        Self { key: key.into(), counter: 0, block: [0; 32], used: 32 }
    }

    /// A random UUID, version 4.
    pub(super) fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill_bytes(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    }
}

impl RngCore for SeededRandom {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                let hash = Sha256::new_with_prefix(self.key);
                self.block = hash.chain_update(self.counter.to_le_bytes()).finalize().into();
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for SeededRandom {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_of_version_4_and_follow_from_the_seed() {
        let uuid = |purpose| SeededRandom::new(&Seed([1; 32]), purpose).uuid();
        assert_eq!(uuid("a"), uuid("a"));
        assert_ne!(uuid("a"), uuid("b"));
        assert_eq!(uuid("a").len(), 36);
        assert_eq!(&uuid("a")[14..15], "4");
        assert!(matches!(&uuid("a")[19..20], "8" | "9" | "a" | "b"));
    }
}
