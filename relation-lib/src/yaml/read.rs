use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::scalar::Implicit;
use super::{Aliens, Scalar, YamlError, YamlErrorKind};

/// Deeper nesting than this is refused; the value would overflow the stack of whoever walks it.
const DEPTH_LIMIT: usize = 100;
/// More values than this, aliases expanded, are refused: no file that people write has as many.
const VALUE_LIMIT: usize = 250_000;

const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// A value of a YAML document and where it stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Line of its first character, counted from 1.
    pub line: usize,
    /// Column of its first character, counted from 1.
    pub column: usize,
    /// The value.
    pub content: Content,
}

/// A value of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence, in the order of the file.
    Sequence(Vec<Node>),
    /// A mapping, in the order in which a Python dictionary would list it.
    Mapping(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, as Python's JSON writer spells it.
    pub key: String,
    /// Line of the key, counted from 1.
    pub line: usize,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Mapping(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
            }
            _ => None,
        }
    }

    /// This value as JSON.
    ///
    /// # Errors
    ///
    /// With [`Aliens::Refuse`], the place of the first scalar that JSON has no type for.
    pub fn to_json(&self, aliens: Aliens) -> Result<Value, YamlError> {
        match &self.content {
            Content::Scalar(scalar) => match (scalar.to_json(), aliens) {
                (Ok(value), _) => Ok(value),
                (Err((_, text)), Aliens::AsText) => Ok(Value::String(text.to_owned())),
                (Err((alien, _)), Aliens::Refuse) => Err(YamlError {
                    line: self.line,
                    column: self.column,
                    kind: YamlErrorKind::Alien(alien),
                }),
            },
            Content::Sequence(items) => items
                .iter()
                .map(|item| item.to_json(aliens))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Content::Mapping(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    map.insert(entry.key.clone(), entry.value.to_json(aliens)?);
                }
                Ok(Value::Object(map))
            }
        }
    }
}

/// Reads one YAML document as PyYAML's safe loader would, keeping lines and columns.
///
/// # Errors
///
/// Text that is not YAML, more than one document, unknown tags, aliases that contain themselves.
pub fn read(text: &str) -> Result<Node, YamlError> {
    refuse_control_characters(text)?;
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader { parser, anchors: HashMap::new(), values: 0 };
    reader.document()
}

/// PyYAML refuses these before it parses anything.
fn refuse_control_characters(text: &str) -> Result<(), YamlError> {
    let (mut line, mut column) = (1, 0);
    for character in text.chars() {
        column += 1;
        match character {
            '\n' => (line, column) = (line + 1, 0),
            '\t' | '\r' | '\u{85}' | ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'.. => {}
            _ => return Err(YamlError { line, column, kind: YamlErrorKind::Character(character) }),
        }
    }
    Ok(())
}

struct Reader<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// What an anchor stands for; `None` while its node is still being read.
    anchors: HashMap<usize, Option<Node>>,
    values: usize,
}

fn error_at(marker: Marker, kind: YamlErrorKind) -> YamlError {
    YamlError { line: marker.line(), column: marker.col() + 1, kind }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Marker), YamlError> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start)),
            Some(Err(error)) => {
                Err(error_at(*error.marker(), YamlErrorKind::Syntax(error.info().to_owned())))
            }
            None => Ok((Event::StreamEnd, Marker::default())),
        }
    }

    fn document(&mut self) -> Result<Node, YamlError> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(error_at(at, YamlErrorKind::SecondDocument));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => root = Some(self.value(event, at, 0)?),
            }
        }
        let empty = Node { line: 1, column: 1, content: Content::Scalar(Scalar::Null) };
        Ok(root.unwrap_or(empty))
    }

    /// A node that is no key, so it may not be `<<` either.
    fn value(&mut self, event: Event<'a>, at: Marker, depth: usize) -> Result<Node, YamlError> {
        match self.node(event, at, depth)? {
            Read { merge: true, .. } => Err(error_at(at, YamlErrorKind::Value("<<".to_owned()))),
            Read { node, .. } => Ok(node),
        }
    }

    fn node(&mut self, event: Event<'a>, at: Marker, depth: usize) -> Result<Read, YamlError> {
        if depth > DEPTH_LIMIT {
            return Err(error_at(at, YamlErrorKind::TooDeep));
        }
        self.count(1, at)?;
        let mut merge = false;
        let (content, anchor) = match event {
            Event::Alias(anchor) => {
                let Some(Some(node)) = self.anchors.get(&anchor) else {
                    return Err(error_at(at, YamlErrorKind::RecursiveAlias));
                };
                let node = node.clone();
                let (size, height) = measure(&node);
                self.count(size, at)?;
                if depth + height > DEPTH_LIMIT {
                    return Err(error_at(at, YamlErrorKind::TooDeep));
                }
                return Ok(Read { node, merge: false });
            }
            Event::Scalar(text, style, anchor, tag) => {
                // The mere tag `!` makes PyYAML resolve even a quoted scalar.
                let plain = style == ScalarStyle::Plain || tag.is_some();
                let tag = specific(tag.as_deref());
                let resolved = plain && tag.is_none();
                merge = resolved && Implicit::of(&text) == Implicit::Merge
                    || tag.as_deref() == Some("merge");
                let scalar = match tag {
                    Some(_) if merge => Some(Scalar::Text(text.to_string())),
                    Some(tag) => match Scalar::tagged(&tag, &text) {
                        None if !is_scalar_tag(&tag) => {
                            return Err(error_at(at, YamlErrorKind::Tag(tag)));
                        }
                        scalar => scalar,
                    },
                    None if resolved => Scalar::plain(&text),
                    None => Some(Scalar::Text(text.to_string())),
                };
                let scalar =
                    scalar.ok_or_else(|| error_at(at, YamlErrorKind::Value(text.into_owned())))?;
                (Content::Scalar(scalar), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "seq", at)?;
                self.anchors.insert(anchor, None);
                (Content::Sequence(self.sequence(depth)?), anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                expect_tag(tag.as_deref(), "map", at)?;
                self.anchors.insert(anchor, None);
                (Content::Mapping(self.mapping(depth)?), anchor)
            }
            _ => return Err(error_at(at, YamlErrorKind::Syntax("expected a value".to_owned()))),
        };
        let node = Node { line: at.line(), column: at.col() + 1, content };
        // Zero says that the node has no anchor.
        if anchor != 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(Read { node, merge })
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, at) => items.push(self.value(event, at, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>, YamlError> {
        let mut merged = Vec::new();
        let mut own = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.key(event, at, depth)?;
            let (event, at) = self.next()?;
            let value = self.value(event, at, depth + 1)?;
            match key {
                None => merge_into(&mut merged, value)?,
                Some((key, line)) => own.push(Entry { key, line, value }),
            }
        }
        Ok(without_duplicates(merged.into_iter().chain(own)))
    }

    /// The key of an entry and its line; `None` for the merge key.
    fn key(
        &mut self,
        event: Event<'a>,
        at: Marker,
        depth: usize,
    ) -> Result<Option<(String, usize)>, YamlError> {
        // As a key, unlike as a value, PyYAML takes `=` for a text.
        if let Event::Scalar(text, ScalarStyle::Plain, 0, None) = &event
            && text == "="
        {
            return Ok(Some(("=".to_owned(), at.line())));
        }
        let read = self.node(event, at, depth + 1)?;
        if read.merge {
            return Ok(None);
        }
        match read.node.content {
            Content::Scalar(scalar) => {
                let key =
                    scalar.into_key().map_err(|alien| error_at(at, YamlErrorKind::Alien(alien)))?;
                Ok(Some((key, at.line())))
            }
            _ => Err(error_at(at, YamlErrorKind::Key)),
        }
    }

    fn count(&mut self, values: usize, at: Marker) -> Result<(), YamlError> {
        self.values += values;
        if self.values > VALUE_LIMIT {
            Err(error_at(at, YamlErrorKind::TooManyValues))
        } else {
            Ok(())
        }
    }
}

struct Read {
    node: Node,
    /// This is the key `<<`.
    merge: bool,
}

/// The tag that a node was given, without the prefix of YAML's own; none for the mere `!`.
fn specific(tag: Option<&Tag>) -> Option<String> {
    let tag = tag?;
    let whole = format!("{}{}", tag.handle(), tag.suffix());
    match whole.strip_prefix(CORE_TAGS) {
        _ if whole == "!" => None,
        Some(own) => Some(own.to_owned()),
        None => Some(whole),
    }
}

fn is_scalar_tag(tag: &str) -> bool {
    matches!(tag, "bool" | "int" | "float" | "timestamp")
}

fn expect_tag(tag: Option<&Tag>, expected: &str, at: Marker) -> Result<(), YamlError> {
    match specific(tag) {
        Some(tag) if tag != expected => Err(error_at(at, YamlErrorKind::Tag(tag))),
        _ => Ok(()),
    }
}

/// Adds what `<<` brings in. Of several mappings in a list the first one counts most, so it comes last.
fn merge_into(merged: &mut Vec<Entry>, value: Node) -> Result<(), YamlError> {
    let refuse = |node: &Node| YamlError {
        line: node.line,
        column: node.column,
        kind: YamlErrorKind::Merge,
    };
    match value.content {
        Content::Mapping(entries) => merged.extend(entries),
        Content::Sequence(items) => {
            for item in items.into_iter().rev() {
                match item.content {
                    Content::Mapping(entries) => merged.extend(entries),
                    _ => return Err(refuse(&item)),
                }
            }
        }
        Content::Scalar(_) => return Err(refuse(&value)),
    }
    Ok(())
}

/// A dictionary keeps the place of the first of equal keys, and the value of the last.
fn without_duplicates(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut places = HashMap::new();
    let mut unique: Vec<Entry> = Vec::new();
    for entry in entries {
        match places.get(&entry.key) {
            Some(&place) => unique[place] = entry,
            None => {
                places.insert(entry.key.clone(), unique.len());
                unique.push(entry);
            }
        }
    }
    unique
}

/// How many values a node holds, and how deep they are nested.
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.content {
        Content::Scalar(_) => return (1, 0),
        Content::Sequence(items) => items.iter().collect(),
        Content::Mapping(entries) => entries.iter().map(|entry| &entry.value).collect(),
    };
    let (sizes, heights): (Vec<_>, Vec<_>) = children.into_iter().map(measure).unzip();
    (1 + sizes.iter().sum::<usize>(), 1 + heights.into_iter().max().unwrap_or(0))
}
