//! Go's gob encoding, as far as remote calls of structs need it.

use std::collections::BTreeMap;

/// Bytes that are not gob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GobError {
    /// The message ends in the middle of something.
    #[error("cannot read a gob message: it ends too early")]
    Truncated,
    /// A number takes more than eight bytes.
    #[error("cannot read a gob number: {0} bytes is more than eight")]
    NumberTooLong(u8),
    /// A message is larger than anything that a hook tool sends.
    #[error("cannot take a gob message of {0} bytes: the limit is {MESSAGE_LIMIT}")]
    MessageTooLong(u64),
    /// A value of a type that was never defined.
    #[error("cannot read a gob value: type {0} was not defined")]
    UnknownType(i64),
    /// A kind of value that no message of this protocol has.
    #[error("cannot read a gob value of type {0}: not supported")]
    Unsupported(i64),
    /// A field beyond those defined.
    #[error("cannot read a gob struct: it has no field {0}")]
    UnknownField(u64),
    /// Values nested deeper than any type of this protocol.
    #[error("cannot read a gob value: nested too deeply")]
    TooDeep,
}

/// The largest message taken, in bytes.
pub const MESSAGE_LIMIT: u64 = 64 * 1024 * 1024;

/// How deep values may nest.
const DEPTH_LIMIT: u32 = 16;

const BOOL: i64 = 1;
const INT: i64 = 2;
const UINT: i64 = 3;
const FLOAT: i64 = 4;
const BYTES: i64 = 5;
const STRING: i64 = 6;

/// Writes an unsigned number.
pub fn write_uint(out: &mut Vec<u8>, value: u64) {
    if value < 128 {
        out.push(value.to_be_bytes()[7]);
        return;
    }
    let bytes = value.to_be_bytes();
    let skipped = value.leading_zeros() as usize / 8;
    let length = 8 - skipped;
    out.push((256 - length).to_be_bytes()[7]);
    out.extend_from_slice(&bytes[skipped..]);
}

/// Writes a signed number.
pub fn write_int(out: &mut Vec<u8>, value: i64) {
    let bits = value.cast_unsigned();
    write_uint(out, if value < 0 { (!bits << 1) | 1 } else { bits << 1 });
}

/// Writes a text or bytes.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_uint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Puts the length in front of a message.
pub fn write_message(out: &mut Vec<u8>, body: &[u8]) {
    write_bytes(out, body);
}

/// A struct value under way: fields are written in order, zero values left out.
#[derive(Debug)]
pub struct StructWriter {
    body: Vec<u8>,
    last: i64,
}

impl StructWriter {
    /// Begins a value of a type.
    #[must_use]
    pub fn new(type_id: i64) -> Self {
        let mut body = Vec::new();
        write_int(&mut body, type_id);
        Self { body, last: -1 }
    }

    fn field(&mut self, number: i64) -> &mut Vec<u8> {
        write_uint(&mut self.body, (number - self.last).cast_unsigned());
        self.last = number;
        &mut self.body
    }

    /// A text or bytes.
    #[must_use]
    pub fn bytes(mut self, number: i64, value: &[u8]) -> Self {
        if !value.is_empty() {
            write_bytes(self.field(number), value);
        }
        self
    }

    /// A signed number.
    #[must_use]
    pub fn int(mut self, number: i64, value: i64) -> Self {
        if value != 0 {
            write_int(self.field(number), value);
        }
        self
    }

    /// An unsigned number; also for a bool, as 0 or 1.
    #[must_use]
    pub fn uint(mut self, number: i64, value: u64) -> Self {
        if value != 0 {
            write_uint(self.field(number), value);
        }
        self
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(mut self, number: i64, values: &[String]) -> Self {
        if !values.is_empty() {
            let body = self.field(number);
            write_uint(body, values.len() as u64);
            for value in values {
                write_bytes(body, value.as_bytes());
            }
        }
        self
    }

    /// The message, with its length in front.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.body.push(0);
        let mut out = Vec::with_capacity(self.body.len() + 9);
        write_message(&mut out, &self.body);
        out
    }
}

/// The definition of a struct type, as a message.
#[must_use]
pub fn struct_definition(id: i64, name: &str, fields: &[(&str, i64)]) -> Vec<u8> {
    let mut body = Vec::new();
    write_int(&mut body, -id);
    body.extend_from_slice(&[3, 1]);
    if name.is_empty() {
        body.push(2);
    } else {
        body.push(1);
        write_bytes(&mut body, name.as_bytes());
        body.push(1);
    }
    write_int(&mut body, id);
    body.push(0);
    if !fields.is_empty() {
        body.push(1);
        write_uint(&mut body, fields.len() as u64);
        for (field, field_type) in fields {
            body.push(1);
            write_bytes(&mut body, field.as_bytes());
            body.push(1);
            write_int(&mut body, *field_type);
            body.push(0);
        }
    }
    body.extend_from_slice(&[0, 0]);
    let mut out = Vec::new();
    write_message(&mut out, &body);
    out
}

/// The definition of a slice type, as a message.
#[must_use]
pub fn slice_definition(id: i64, name: &str, element: i64) -> Vec<u8> {
    let mut body = Vec::new();
    write_int(&mut body, -id);
    body.extend_from_slice(&[2, 1, 1]);
    write_bytes(&mut body, name.as_bytes());
    body.push(1);
    write_int(&mut body, id);
    body.extend_from_slice(&[0, 1]);
    write_int(&mut body, element);
    body.extend_from_slice(&[0, 0]);
    let mut out = Vec::new();
    write_message(&mut out, &body);
    out
}

/// A value read from the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Signed.
    Int(i64),
    /// Unsigned.
    Uint(u64),
    /// True or false.
    Bool(bool),
    /// Floating point.
    Float(f64),
    /// A text or bytes.
    Bytes(Vec<u8>),
    /// A slice.
    List(Vec<Value>),
    /// Fields that were not zero, by name.
    Struct(BTreeMap<String, Value>),
}

impl Value {
    /// A field of a struct.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(fields) => fields.get(name),
            _ => None,
        }
    }

    /// A field that is text; empty when absent.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(&self.bytes(name)).into_owned()
    }

    /// A field of bytes; empty when absent.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        match self.field(name) {
            Some(Self::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    /// A field that is a number; 0 when absent.
    #[must_use]
    pub fn number(&self, name: &str) -> i64 {
        match self.field(name) {
            Some(Self::Int(value)) => *value,
            Some(Self::Uint(value)) => i64::try_from(*value).unwrap_or(i64::MAX),
            _ => 0,
        }
    }
}

#[derive(Debug, Clone)]
enum TypeDefinition {
    Struct(Vec<(String, i64)>),
    Slice(i64),
}

/// Finds the end of the first message in a buffer: where its body begins, and where it ends.
///
/// # Errors
///
/// When the length is no number or is too large.
pub fn frame(buffer: &[u8]) -> Result<Option<(usize, usize)>, GobError> {
    let mut reader = Reader { rest: buffer };
    let length = match reader.uint() {
        Ok(length) => length,
        Err(GobError::Truncated) => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > MESSAGE_LIMIT {
        return Err(GobError::MessageTooLong(length));
    }
    let start = buffer.len() - reader.rest.len();
    let end = start + usize::try_from(length).unwrap_or(usize::MAX);
    Ok((buffer.len() >= end).then_some((start, end)))
}

/// Reads the messages of one direction of a connection. Types are learnt on the way.
#[derive(Debug, Default)]
pub struct Decoder {
    types: BTreeMap<i64, TypeDefinition>,
}

impl Decoder {
    /// Takes the body of a message: a definition gives nothing, a value is returned.
    ///
    /// # Errors
    ///
    /// When the body is not gob or has a type that was not defined.
    pub fn message(&mut self, body: &[u8]) -> Result<Option<Value>, GobError> {
        let mut reader = Reader { rest: body };
        let id = reader.int()?;
        if id >= 0 {
            if !matches!(self.types.get(&id), Some(TypeDefinition::Struct(_))) {
                reader.uint()?;
            }
            return self.value(&mut reader, id, 0).map(Some);
        }
        if let Some(definition) = definition(&mut reader)? {
            self.types.insert(id.checked_neg().ok_or(GobError::UnknownType(id))?, definition);
        }
        Ok(None)
    }

    fn value(&self, reader: &mut Reader<'_>, id: i64, depth: u32) -> Result<Value, GobError> {
        if depth > DEPTH_LIMIT {
            return Err(GobError::TooDeep);
        }
        Ok(match id {
            BOOL => Value::Bool(reader.uint()? != 0),
            INT => Value::Int(reader.int()?),
            UINT => Value::Uint(reader.uint()?),
            FLOAT => Value::Float(f64::from_bits(reader.uint()?.swap_bytes())),
            BYTES | STRING => Value::Bytes(reader.bytes()?.to_vec()),
            id => match self.types.get(&id) {
                Some(TypeDefinition::Slice(element)) => {
                    let count = reader.uint()?;
                    let mut items = Vec::new();
                    for _ in 0..count {
                        // Every element takes a byte at least, so a false count ends early.
                        if reader.rest.is_empty() {
                            return Err(GobError::Truncated);
                        }
                        items.push(self.value(reader, *element, depth + 1)?);
                    }
                    Value::List(items)
                }
                Some(TypeDefinition::Struct(fields)) => {
                    let (mut values, mut cursor) = (BTreeMap::new(), 0);
                    while let Some(number) = reader.next_field(&mut cursor)? {
                        let (name, field_type) = usize::try_from(number)
                            .ok()
                            .and_then(|index| fields.get(index))
                            .ok_or(GobError::UnknownField(number))?;
                        let value = self.value(reader, *field_type, depth + 1)?;
                        values.insert(name.clone(), value);
                    }
                    Value::Struct(values)
                }
                None if id < 16 => return Err(GobError::Unsupported(id)),
                None => return Err(GobError::UnknownType(id)),
            },
        })
    }
}

/// Reads a `wireType`. Kinds that this protocol has no use for give nothing.
fn definition(reader: &mut Reader<'_>) -> Result<Option<TypeDefinition>, GobError> {
    let mut cursor = 0;
    match reader.next_field(&mut cursor)? {
        Some(1) => {
            let (mut element, mut cursor) = (0, 0);
            while let Some(number) = reader.next_field(&mut cursor)? {
                match number {
                    0 => skip_common_type(reader)?,
                    _ => element = reader.int()?,
                }
            }
            Ok(Some(TypeDefinition::Slice(element)))
        }
        Some(2) => {
            let (mut fields, mut cursor) = (Vec::new(), 0);
            while let Some(number) = reader.next_field(&mut cursor)? {
                if number == 0 {
                    skip_common_type(reader)?;
                    continue;
                }
                for _ in 0..reader.uint()? {
                    fields.push(field_definition(reader)?);
                }
            }
            Ok(Some(TypeDefinition::Struct(fields)))
        }
        _ => Ok(None),
    }
}

/// Reads a `fieldType`: name and type.
fn field_definition(reader: &mut Reader<'_>) -> Result<(String, i64), GobError> {
    let (mut name, mut field_type, mut cursor) = (String::new(), 0, 0);
    while let Some(number) = reader.next_field(&mut cursor)? {
        match number {
            0 => name = String::from_utf8_lossy(reader.bytes()?).into_owned(),
            _ => field_type = reader.int()?,
        }
    }
    Ok((name, field_type))
}

/// Reads over a `CommonType`: the name and id that the message has given already.
fn skip_common_type(reader: &mut Reader<'_>) -> Result<(), GobError> {
    let mut cursor = 0;
    while let Some(number) = reader.next_field(&mut cursor)? {
        match number {
            0 => drop(reader.bytes()?),
            _ => drop(reader.int()?),
        }
    }
    Ok(())
}

/// The unread rest of a message.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], GobError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(GobError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn uint(&mut self) -> Result<u64, GobError> {
        let first = self.take(1)?[0];
        if first < 128 {
            return Ok(u64::from(first));
        }
        let count = 0u8.wrapping_sub(first);
        if count > 8 {
            return Err(GobError::NumberTooLong(count));
        }
        let bytes = self.take(usize::from(count))?;
        Ok(bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    fn int(&mut self) -> Result<i64, GobError> {
        let bits = self.uint()?;
        let value = (bits >> 1).cast_signed();
        Ok(if bits & 1 == 1 { !value } else { value })
    }

    fn bytes(&mut self) -> Result<&'a [u8], GobError> {
        let count = self.uint()?;
        self.take(usize::try_from(count).map_err(|_| GobError::Truncated)?)
    }

    /// The number of the next field of a struct; nothing at its end. The cursor begins at 0.
    fn next_field(&mut self, cursor: &mut u64) -> Result<Option<u64>, GobError> {
        let delta = self.uint()?;
        if delta == 0 {
            return Ok(None);
        }
        let number = cursor.checked_add(delta - 1).ok_or(GobError::UnknownField(delta))?;
        *cursor = number.checked_add(1).ok_or(GobError::UnknownField(delta))?;
        Ok(Some(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_bytes_of_go() {
        for (value, bytes) in [
            (0u64, &[0x00][..]),
            (127, &[0x7f]),
            (128, &[0xff, 0x80]),
            (256, &[0xfe, 0x01, 0x00]),
            (300, &[0xfe, 0x01, 0x2c]),
            (65_536, &[0xfd, 0x01, 0x00, 0x00]),
            (u64::MAX, &[0xf8, 255, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            let mut out = Vec::new();
            write_uint(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(Reader { rest: &out }.uint(), Ok(value));
        }
        for (value, bytes) in [
            (1i64, &[0x02][..]),
            (-1, &[0x01]),
            (65, &[0xff, 0x82]),
            (-65, &[0xff, 0x81]),
            (-64, &[0x7f]),
        ] {
            let mut out = Vec::new();
            write_int(&mut out, value);
            assert_eq!(out, bytes, "{value}");
            assert_eq!(Reader { rest: &out }.int(), Ok(value));
        }
        for value in [i64::MIN, i64::MAX] {
            let mut out = Vec::new();
            write_int(&mut out, value);
            assert_eq!(Reader { rest: &out }.int(), Ok(value));
        }
    }

    #[test]
    fn texts_of_all_lengths_come_back() {
        for length in [0usize, 127, 128, 255, 256, 65_536] {
            let mut out = Vec::new();
            write_bytes(&mut out, &vec![b'x'; length]);
            assert_eq!(Reader { rest: &out }.bytes().map(<[u8]>::len), Ok(length));
        }
    }

    #[test]
    fn a_frame_is_complete_or_not_yet() {
        assert_eq!(frame(&[]), Ok(None));
        assert_eq!(frame(&[3, 1, 2]), Ok(None));
        assert_eq!(frame(&[2, 1, 2, 9]), Ok(Some((1, 3))));
        assert_eq!(frame(&[0xff]), Ok(None));
        assert_eq!(frame(&[0xf0; 20]), Err(GobError::NumberTooLong(16)));
        assert!(matches!(frame(&[0xfb, 1, 0, 0, 0, 0]), Err(GobError::MessageTooLong(_))));
    }

    #[test]
    fn unknown_fields_of_every_basic_type_are_read_over() {
        let fields = [("A", BOOL), ("B", INT), ("C", UINT), ("D", FLOAT), ("E", BYTES), ("F", 70)];
        let mut decoder = Decoder::default();
        for message in
            [struct_definition(69, "T", &fields), slice_definition(70, "[]string", STRING)]
        {
            let (start, end) = frame(&message).unwrap().unwrap();
            assert_eq!(decoder.message(&message[start..end]), Ok(None));
        }
        let message = StructWriter::new(69)
            .uint(0, 1)
            .int(1, -3)
            .uint(2, 7)
            .uint(3, 1.5f64.to_bits().swap_bytes())
            .bytes(4, b"xy")
            .texts(5, &["a".to_owned(), String::new()])
            .finish();
        let (start, end) = frame(&message).unwrap().unwrap();
        let value = decoder.message(&message[start..end]).unwrap().unwrap();
        assert_eq!(value.field("D"), Some(&Value::Float(1.5)));
        assert_eq!(value.number("B"), -3);
        let texts = vec![Value::Bytes(b"a".to_vec()), Value::Bytes(Vec::new())];
        assert_eq!(value.field("F"), Some(&Value::List(texts)));
    }

    #[test]
    fn foreign_bytes_are_refused_without_panic() {
        for seed in 0..2000u32 {
            let bytes: Vec<u8> = (0..64u32)
                .map(|i| {
                    (seed.wrapping_mul(2_654_435_761).wrapping_add(i * i * 40_503) >> 13) as u8
                })
                .collect();
            drop(Decoder::default().message(&bytes));
        }
        assert_eq!(Decoder::default().message(&[0x50]), Err(GobError::Truncated));
    }
}
