//! Traces that wait, in a file: batches in OTLP's protobuf form, each after its length as four
//! bytes, big end first.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How much may wait. A dispatch is a few kilobytes, so this is some hundred of them.
const LIMIT: usize = 1 << 20;

/// Batches that wait, oldest first.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    batches: Vec<Vec<u8>>,
}

impl Spool {
    /// The batches in the file of a charm's folder. What is cut off at its end is left out.
    pub(super) fn open(charm_dir: &Path) -> Self {
        let path = charm_dir.join(".traces.otlp");
        let bytes = fs::read(&path).unwrap_or_default();
        Self { path, batches: batches(&bytes) }
    }

    /// Adds a batch; the oldest ones make room for it.
    pub(super) fn add(&mut self, batch: Option<Vec<u8>>) {
        self.batches.extend(batch.filter(|batch| !batch.is_empty() && batch.len() < LIMIT));
        let mut size: usize = self.batches.iter().map(|batch| batch.len() + 4).sum();
        let surplus = self.batches.iter().take_while(|batch| {
            let over = size > LIMIT;
            size = size.saturating_sub(batch.len() + 4);
            over
        });
        let surplus = surplus.count();
        self.batches.drain(..surplus);
    }

    /// The newest batch.
    pub(super) fn newest(&self) -> Option<&[u8]> {
        self.batches.last().map(Vec::as_slice)
    }

    /// Takes the newest batch out: it was sent.
    pub(super) fn sent(&mut self) {
        self.batches.pop();
    }

    /// Writes what still waits.
    pub(super) fn close(self) -> io::Result<()> {
        if self.batches.is_empty() {
            return match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let mut bytes = Vec::new();
        for batch in &self.batches {
            let length = u32::try_from(batch.len()).unwrap_or_default();
            bytes.extend(length.to_be_bytes());
            bytes.extend(batch);
        }
        fs::write(&self.path, bytes)
    }
}

fn batches(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut batches = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((batch, rest)) = rest.split_at_checked(length) else { break };
        batches.push(batch.to_vec());
        bytes = rest;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_wait_until_they_are_sent() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::open(folder.path());
        spool.add(Some(b"one".to_vec()));
        spool.add(Some(b"two".to_vec()));
        spool.close().expect("written");
        let mut spool = Spool::open(folder.path());
        assert_eq!(spool.newest(), Some(b"two".as_slice()));
        spool.sent();
        assert_eq!(spool.newest(), Some(b"one".as_slice()));
        spool.sent();
        spool.close().expect("removed");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::open(folder.path());
        for number in 0..5_u8 {
            spool.add(Some(vec![number; LIMIT / 2 - 4]));
        }
        let kept: Vec<u8> = spool.batches.iter().map(|batch| batch[0]).collect();
        assert_eq!(kept, [3, 4]);
        spool.add(Some(vec![9; LIMIT]));
        assert_eq!(spool.batches.len(), 2);
    }

    #[test]
    fn a_file_that_was_cut_off_is_read_as_far_as_it_goes() {
        assert_eq!(batches(&[0, 0, 0, 1, 7, 0, 0, 0, 9, 1]), [vec![7]]);
        assert_eq!(batches(&[0, 0]), [[0_u8; 0]; 0]);
    }
}
