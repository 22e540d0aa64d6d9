//! Go's gob encoding, as much of it as Juju's hook tools speak.
//!
//! A gob stream is a row of messages: a byte count, a type id, and a value or (negative id) the
//! definition of a type. The decoder learns types from the stream, so it takes any struct made of
//! basic types and slices; the encoder has its definitions written down by its caller.

use std::collections::BTreeMap;
use std::io::{self, Read};

/// A message longer than this is refused: hook tools send databags, not disks.
const LARGEST_MESSAGE: u64 = 64 << 20;
/// Values that are nested deeper than this are refused.
const DEEPEST: u32 = 16;

/// Ids of the types that every stream knows.
pub(super) mod basic {
    pub(in super::super) const BOOL: i64 = 1;
    pub(in super::super) const INT: i64 = 2;
    pub(in super::super) const UINT: i64 = 3;
    pub(in super::super) const FLOAT: i64 = 4;
    pub(in super::super) const BYTES: i64 = 5;
    pub(in super::super) const STRING: i64 = 6;
}

/// Why a stream can't be read.
#[derive(Debug, thiserror::Error)]
pub enum GobError {
    /// The stream ended or broke inside a message.
    #[error("cannot read from the connection")]
    Io(#[from] io::Error),
    /// The bytes are not what gob allows here.
    #[error("cannot decode gob: {0}")]
    Malformed(&'static str),
}

/// A decoded value. Members that the sender left out (zero values) are missing.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// A bool, int or uint.
    Number(i128),
    /// A float, by its bits.
    Float(u64),
    /// A string or byte slice.
    Bytes(Vec<u8>),
    /// A slice.
    List(Vec<Value>),
    /// A struct, by member name.
    Struct(BTreeMap<String, Value>),
    /// Nothing: a member that is missing.
    #[default]
    Zero,
}

impl Value {
    /// A struct's member; a missing one is [`Value::Zero`].
    pub fn take(&mut self, member: &str) -> Value {
        match self {
            Self::Struct(members) => members.remove(member).unwrap_or_default(),
            _ => Value::Zero,
        }
    }

    /// The text; anything that is not UTF-8 is replaced, anything but bytes is empty.
    pub fn into_text(self) -> String {
        String::from_utf8_lossy(&self.into_bytes()).into_owned()
    }

    /// The bytes; empty for anything else.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => Vec::new(),
        }
    }

    /// The number; 0 for anything else.
    pub fn number(&self) -> i128 {
        match self {
            Self::Number(number) => *number,
            _ => 0,
        }
    }

    /// The items; none for anything else.
    pub fn into_list(self) -> Vec<Value> {
        match self {
            Self::List(items) => items,
            _ => Vec::new(),
        }
    }
}

#[derive(Debug, Clone)]
enum Type {
    Struct(Vec<(String, i64)>),
    Slice(i64),
    /// A kind of type that hook tools never send.
    Other,
}

/// Reads values from a stream.
pub struct Decoder<R> {
    stream: R,
    types: BTreeMap<i64, Type>,
}

impl<R: Read> Decoder<R> {
    /// Starts at the beginning of a stream.
    pub fn new(stream: R) -> Self {
        Self { stream, types: BTreeMap::new() }
    }

    /// The next value; `None` when the stream ends between two messages.
    ///
    /// # Errors
    /// When the stream breaks, or holds what gob doesn't allow.
    pub fn next_value(&mut self) -> Result<Option<Value>, GobError> {
        loop {
            let Some(message) = self.next_message()? else { return Ok(None) };
            let mut bytes = Bytes { rest: &message };
            let id = bytes.signed()?;
            if id < 0 {
                let id = id.checked_neg().ok_or(GobError::Malformed("type id out of range"))?;
                let definition = wire_type(&mut bytes)?;
                self.types.insert(id, definition);
                continue;
            }
            if !matches!(self.types.get(&id), Some(Type::Struct(_))) {
                // Values that are not structs have one zero byte before them.
                bytes.unsigned()?;
            }
            return self.value(id, &mut bytes, 0).map(Some);
        }
    }

    fn next_message(&mut self) -> Result<Option<Vec<u8>>, GobError> {
        let mut first = [0];
        if self.stream.read(&mut first)? == 0 {
            return Ok(None);
        }
        let length = match first[0] {
            small @ 0..=127 => u64::from(small),
            count => {
                let count = usize::from(count.wrapping_neg());
                if count > 8 {
                    return Err(GobError::Malformed("number of more than 8 bytes"));
                }
                let mut big = [0; 8];
                self.stream.read_exact(&mut big[8 - count..])?;
                u64::from_be_bytes(big)
            }
        };
        if length > LARGEST_MESSAGE {
            return Err(GobError::Malformed("message of more than 64 MiB"));
        }
        // Read in steps: a false length must not reserve memory that never comes.
        let mut message = Vec::new();
        let read = self.stream.by_ref().take(length).read_to_end(&mut message)?;
        if read as u64 != length {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(Some(message))
    }

    fn value(&self, id: i64, bytes: &mut Bytes<'_>, depth: u32) -> Result<Value, GobError> {
        if depth > DEEPEST {
            return Err(GobError::Malformed("value nested too deep"));
        }
        match id {
            basic::BOOL | basic::UINT => bytes.unsigned().map(|n| Value::Number(n.into())),
            basic::INT => bytes.signed().map(|n| Value::Number(n.into())),
            basic::FLOAT => bytes.unsigned().map(Value::Float),
            basic::BYTES | basic::STRING => bytes.counted().map(|b| Value::Bytes(b.to_vec())),
            _ => match self.types.get(&id) {
                Some(Type::Struct(members)) => {
                    let mut found = BTreeMap::new();
                    let mut at = -1_i64;
                    loop {
                        let delta = bytes.unsigned()?;
                        if delta == 0 {
                            return Ok(Value::Struct(found));
                        }
                        at = i64::try_from(delta)
                            .ok()
                            .and_then(|delta| at.checked_add(delta))
                            .ok_or(GobError::Malformed("member number out of range"))?;
                        let (name, kind) = usize::try_from(at)
                            .ok()
                            .and_then(|at| members.get(at))
                            .ok_or(GobError::Malformed("member that its type doesn't have"))?;
                        let value = self.value(*kind, bytes, depth + 1)?;
                        found.insert(name.clone(), value);
                    }
                }
                Some(Type::Slice(kind)) => {
                    let count = bytes.unsigned()?;
                    let mut items = Vec::new();
                    for _ in 0..count {
                        if bytes.rest.is_empty() {
                            return Err(GobError::Malformed("slice shorter than its count"));
                        }
                        items.push(self.value(*kind, bytes, depth + 1)?);
                    }
                    Ok(Value::List(items))
                }
                Some(Type::Other) => Err(GobError::Malformed("map, array or interface value")),
                None => Err(GobError::Malformed("value of a type that was not defined")),
            },
        }
    }
}

/// The rest of a message.
struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    fn split(&mut self, count: usize) -> Result<&'a [u8], GobError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(GobError::Malformed("message too short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn unsigned(&mut self) -> Result<u64, GobError> {
        let first = self.split(1)?[0];
        if first < 128 {
            return Ok(first.into());
        }
        let count = usize::from(first.wrapping_neg());
        if count > 8 {
            return Err(GobError::Malformed("number of more than 8 bytes"));
        }
        Ok(self.split(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn signed(&mut self) -> Result<i64, GobError> {
        let number = self.unsigned()?;
        let half = i64::try_from(number >> 1).unwrap_or(i64::MAX);
        Ok(if number & 1 == 1 { !half } else { half })
    }

    fn counted(&mut self) -> Result<&'a [u8], GobError> {
        let count = self.unsigned()?;
        self.split(usize::try_from(count).unwrap_or(usize::MAX))
    }

    fn text(&mut self) -> Result<String, GobError> {
        Ok(String::from_utf8_lossy(self.counted()?).into_owned())
    }

    /// The members of a definition: their numbers until the closing zero.
    fn member(&mut self, at: &mut u64) -> Result<Option<u64>, GobError> {
        let delta = self.unsigned()?;
        if delta == 0 {
            return Ok(None);
        }
        *at = at.saturating_add(delta);
        Ok(Some(*at - 1))
    }
}

/// A `wireType` value: one of array, slice, struct, map; only slices and structs are of use.
fn wire_type(bytes: &mut Bytes<'_>) -> Result<Type, GobError> {
    let mut at = 0;
    let mut found = Type::Other;
    while let Some(member) = bytes.member(&mut at)? {
        found = match member {
            1 => Type::Slice(slice_type(bytes)?),
            2 => Type::Struct(struct_type(bytes)?),
            // The shapes of the others are not needed: the rest of this message is theirs.
            _ => return Ok(Type::Other),
        };
    }
    Ok(found)
}

fn common_type(bytes: &mut Bytes<'_>) -> Result<(), GobError> {
    let mut at = 0;
    while let Some(member) = bytes.member(&mut at)? {
        match member {
            0 => drop(bytes.text()?),
            1 => drop(bytes.signed()?),
            _ => return Err(GobError::Malformed("unknown member in a type definition")),
        }
    }
    Ok(())
}

fn slice_type(bytes: &mut Bytes<'_>) -> Result<i64, GobError> {
    let (mut at, mut element) = (0, 0);
    while let Some(member) = bytes.member(&mut at)? {
        match member {
            0 => common_type(bytes)?,
            1 => element = bytes.signed()?,
            _ => return Err(GobError::Malformed("unknown member in a slice definition")),
        }
    }
    Ok(element)
}

fn struct_type(bytes: &mut Bytes<'_>) -> Result<Vec<(String, i64)>, GobError> {
    let (mut at, mut members) = (0, Vec::new());
    while let Some(member) = bytes.member(&mut at)? {
        match member {
            0 => common_type(bytes)?,
            1 => {
                let count = bytes.unsigned()?;
                for _ in 0..count {
                    members.push(field_type(bytes)?);
                }
            }
            _ => return Err(GobError::Malformed("unknown member in a struct definition")),
        }
    }
    Ok(members)
}

fn field_type(bytes: &mut Bytes<'_>) -> Result<(String, i64), GobError> {
    let (mut at, mut name, mut id) = (0, String::new(), 0);
    while let Some(member) = bytes.member(&mut at)? {
        match member {
            0 => name = bytes.text()?,
            1 => id = bytes.signed()?,
            _ => return Err(GobError::Malformed("unknown member in a field definition")),
        }
    }
    Ok((name, id))
}

/// Builds one message.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    /// A message that begins with a type id.
    pub(super) fn of(id: i64) -> Self {
        let mut message = Self::default();
        message.signed(id);
        message
    }

    pub(super) fn unsigned(&mut self, number: u64) -> &mut Self {
        if number < 128 {
            self.bytes.push(number.to_be_bytes()[7]);
        } else {
            let bytes = number.to_be_bytes();
            let zeros = (number.leading_zeros() / 8) as usize;
            self.bytes.push(((8 - zeros) as u8).wrapping_neg());
            self.bytes.extend(&bytes[zeros..]);
        }
        self
    }

    pub(super) fn signed(&mut self, number: i64) -> &mut Self {
        let bits = number.cast_unsigned();
        self.unsigned(if number < 0 { !bits << 1 | 1 } else { bits << 1 })
    }

    pub(super) fn counted(&mut self, bytes: &[u8]) -> &mut Self {
        self.unsigned(bytes.len() as u64);
        self.bytes.extend(bytes);
        self
    }

    /// The definition of a struct: its name, its id, its members.
    pub(super) fn define_struct(name: &str, id: i64, members: &[(&str, i64)]) -> Self {
        let mut message = Self::of(-id);
        message.unsigned(3).unsigned(1);
        let mut member = 1;
        if !name.is_empty() {
            message.unsigned(1).counted(name.as_bytes());
        } else {
            member = 2;
        }
        message.unsigned(member).signed(id).unsigned(0);
        if !members.is_empty() {
            message.unsigned(1).unsigned(members.len() as u64);
            for (name, kind) in members {
                message.unsigned(1).counted(name.as_bytes()).unsigned(1).signed(*kind).unsigned(0);
            }
        }
        message.unsigned(0).unsigned(0);
        message
    }

    /// The definition of a slice: its name, its id, its element's type.
    pub(super) fn define_slice(name: &str, id: i64, element: i64) -> Self {
        let mut message = Self::of(-id);
        message.unsigned(2).unsigned(1).unsigned(1).counted(name.as_bytes());
        message.unsigned(1).signed(id).unsigned(0).unsigned(1).signed(element);
        message.unsigned(0).unsigned(0);
        message
    }

    /// The finished message, with its byte count in front.
    pub(super) fn finish(&self) -> Vec<u8> {
        let mut counted = Self::default();
        counted.counted(&self.bytes);
        counted.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(number: u64) -> Vec<u8> {
        let mut message = Message::default();
        message.unsigned(number);
        message.bytes
    }

    #[test]
    fn unsigned_numbers_are_short() {
        assert_eq!(unsigned(127), [0x7f]);
        assert_eq!(unsigned(128), [0xff, 0x80]);
        assert_eq!(unsigned(256), [0xfe, 1, 0]);
        assert_eq!(unsigned(65536), [0xfd, 1, 0, 0]);
        for number in [0, 127, 128, 255, 256, 1 << 32, u64::MAX] {
            let bytes = unsigned(number);
            assert_eq!(Bytes { rest: &bytes }.unsigned().unwrap(), number);
        }
    }

    #[test]
    fn signed_numbers_carry_their_sign_in_the_last_bit() {
        for (number, expected) in [
            (1, vec![2]),
            (-1, vec![1]),
            (65, vec![0xff, 0x82]),
            (-65, vec![0xff, 0x81]),
            (-64, vec![0x7f]),
        ] {
            let mut message = Message::default();
            message.signed(number);
            assert_eq!(message.bytes, expected, "{number}");
            assert_eq!(Bytes { rest: &message.bytes }.signed().unwrap(), number);
        }
    }

    #[test]
    fn garbage_is_an_error_and_never_a_panic() {
        for seed in 0_u32..2000 {
            let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    state.to_be_bytes()[3]
                })
                .collect();
            let mut decoder = Decoder::new(bytes.as_slice());
            while let Ok(Some(_)) = decoder.next_value() {}
        }
    }
}
