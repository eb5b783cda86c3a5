//! JSON as a tree that borrows from the text and remembers what was read of it.
//!
//! Numbers keep their digits as written: no binary fraction is ever made of an amount of money. It must not know FHIR.

use crate::{MAX_BYTES, MAX_DEPTH, MAX_VALUES, Refusal};
use json_event_parser::{JsonEvent, JsonSyntaxError, LowLevelJsonParser};
use std::{
    borrow::Cow,
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

/// A JSON value.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    value: Value<'a>,
    /// Set when a mapper took the value; on a list or object: everything in it needs no reading.
    /// Atomic only so that shared resources can be asked from several threads.
    read: AtomicBool,
}

/// Kept small, since a bundle of the largest size has millions of them.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Null,
    Boolean(bool),
    Number(&'a str),
    Text(&'a str),
    Unescaped(Box<str>),
    List(Box<[Node<'a>]>),
    Object(Box<[Member<'a>]>),
}

/// A member of an object.
#[derive(Debug, PartialEq)]
pub(crate) struct Member<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) node: Node<'a>,
}

impl PartialEq for Node<'_> {
    /// The same JSON, member by member in the same order, read or not.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// What a value is, for those that walk the tree.
pub(crate) enum Shape<'n, 'a> {
    Null,
    Leaf,
    List(&'n [Node<'a>]),
    Object(&'n [Member<'a>]),
}

impl<'a> Node<'a> {
    fn new(value: Value<'a>) -> Self {
        Self { value, read: AtomicBool::new(false) }
    }

    /// An object of strings.
    pub(crate) fn of_strings(members: &[(&'static str, &str)]) -> Self {
        let member = |(name, text): &(&'static str, &str)| Member {
            name: Cow::Borrowed(*name),
            node: Self::new(Value::Unescaped((*text).into())),
        };
        Self::new(Value::Object(members.iter().map(member).collect()))
    }

    /// A member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => members.iter().find(|m| m.name == name).map(|m| &m.node),
            _ => None,
        }
    }

    /// The entries of a member that is a list; none when it is absent or something else.
    pub(crate) fn list(&self, name: &str) -> &[Self] {
        match self.get(name).map(|node| &node.value) {
            Some(Value::List(entries)) => entries,
            _ => &[],
        }
    }

    /// The text of a string. Marks it as read.
    pub(crate) fn text(&self) -> Option<&str> {
        self.peek().inspect(|_| self.mark())
    }

    /// The text of a member that is a string. Marks it as read.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.text()
    }

    /// The digits of a number as written. Marks it as read.
    pub(crate) fn number(&self) -> Option<&str> {
        match &self.value {
            Value::Number(digits) => {
                self.mark();
                Some(digits)
            }
            _ => None,
        }
    }

    /// The digits of a member that is a number. Marks it as read.
    pub(crate) fn decimal(&self, name: &str) -> Option<&str> {
        self.get(name)?.number()
    }

    /// A member that is `true` or `false`. Marks it as read.
    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        match node.value {
            Value::Boolean(value) => {
                node.mark();
                Some(value)
            }
            _ => None,
        }
    }

    /// Marks a member with everything in it as read: it says nothing about the patient, or nothing new.
    pub(crate) fn skip(&self, name: &str) {
        if let Some(node) = self.get(name) {
            node.mark();
        }
    }

    /// The text of a string without marking it: for checks, which take nothing over.
    pub(crate) fn peek(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Unescaped(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a member without marking it.
    pub(crate) fn peek_str(&self, name: &str) -> Option<&str> {
        self.get(name)?.peek()
    }

    /// Takes a member out of an object; nothing is left in its place.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let Value::Object(members) = &mut self.value else { return None };
        let member = members.iter_mut().find(|m| m.name == name)?;
        Some(std::mem::replace(&mut member.node, Self::new(Value::Null)))
    }

    /// The entries of a list.
    pub(crate) fn into_list(self) -> Option<Box<[Self]>> {
        match self.value {
            Value::List(entries) => Some(entries),
            _ => None,
        }
    }

    /// Marks this value as read.
    pub(crate) fn mark(&self) {
        self.read.store(true, Ordering::Relaxed);
    }

    /// Whether it was read, or needs no reading.
    pub(crate) fn is_read(&self) -> bool {
        self.read.load(Ordering::Relaxed)
    }

    /// What it is made of.
    pub(crate) fn shape(&self) -> Shape<'_, 'a> {
        match &self.value {
            Value::List(entries) => Shape::List(entries),
            Value::Object(members) => Shape::Object(members),
            Value::Null => Shape::Null,
            _ => Shape::Leaf,
        }
    }

    /// Whether it is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_))
    }

    /// Whether it is an object.
    pub(crate) fn is_object(&self) -> bool {
        matches!(self.value, Value::Object(_))
    }

    /// The same tree with its own copy of the text.
    pub(crate) fn into_owned(self) -> Node<'static> {
        Node {
            value: match self.value {
                Value::Null => Value::Null,
                Value::Boolean(value) => Value::Boolean(value),
                // nothing computes with the numbers of shared resources, and their digits stay as they are
                Value::Number(text) | Value::Text(text) => Value::Unescaped(text.into()),
                Value::Unescaped(text) => Value::Unescaped(text),
                Value::List(entries) => Value::List(entries.into_iter().map(Node::into_owned).collect()),
                Value::Object(members) => Value::Object(
                    members
                        .into_iter()
                        .map(|m| Member { name: Cow::Owned(m.name.into_owned()), node: m.node.into_owned() })
                        .collect(),
                ),
            },
            read: self.read,
        }
    }
}

/// A list or object that is not closed yet.
enum Open<'a> {
    List(Vec<Node<'a>>),
    /// With the name whose value comes next.
    Object(Vec<Member<'a>>, Option<Cow<'a, str>>),
}

/// Reads one JSON text.
///
/// # Errors
/// Everything that makes the text no JSON or that readers could understand differently; sizes past the limits.
pub(crate) fn parse(text: &[u8]) -> Result<Node<'_>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::TooLarge);
    }
    check_utf8(text)?;
    let mut parser = LowLevelJsonParser::new();
    let mut rest = text;
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut root = None;
    let mut values = 0_usize;
    loop {
        let step = parser.parse_next(rest, true);
        rest = rest.get(step.consumed_bytes..).unwrap_or_default();
        let Some(event) = step.event else { continue };
        let value = match event.map_err(|error| syntax(&error, text, root.is_some()))? {
            JsonEvent::Eof => return root.ok_or_else(|| at(text, text.len(), truncated)),
            JsonEvent::ObjectKey(name) => {
                if let Some(Open::Object(_, next)) = open.last_mut() {
                    *next = Some(name);
                }
                continue;
            }
            JsonEvent::StartObject | JsonEvent::StartArray if open.len() == MAX_DEPTH => {
                return Err(at(text, text.len() - rest.len() - 1, |line, column| Refusal::TooDeep {
                    line,
                    column,
                }));
            }
            JsonEvent::StartObject => {
                open.push(Open::Object(Vec::new(), None));
                continue;
            }
            JsonEvent::StartArray => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            JsonEvent::EndObject | JsonEvent::EndArray => match open.pop() {
                Some(Open::List(entries)) => Value::List(entries.into()),
                Some(Open::Object(members, _)) => {
                    if let Some(name) = twice(&members) {
                        return Err(Refusal::DuplicateKey { place: place(&open, name) });
                    }
                    Value::Object(members.into())
                }
                None => return Err(at(text, text.len() - rest.len(), not_json)),
            },
            JsonEvent::String(Cow::Borrowed(text)) => Value::Text(text),
            JsonEvent::String(Cow::Owned(text)) => Value::Unescaped(text.into()),
            JsonEvent::Number(Cow::Borrowed(digits)) => Value::Number(digits),
            JsonEvent::Number(Cow::Owned(_)) => return Err(at(text, text.len() - rest.len(), not_json)),
            JsonEvent::Boolean(value) => Value::Boolean(value),
            JsonEvent::Null => Value::Null,
        };
        values += 1;
        if values > MAX_VALUES {
            return Err(at(text, text.len() - rest.len(), |line, _| Refusal::TooManyValues { line }));
        }
        match open.last_mut() {
            Some(Open::List(entries)) => entries.push(Node::new(value)),
            Some(Open::Object(members, name)) => {
                members.push(Member { name: name.take().unwrap_or_default(), node: Node::new(value) });
            }
            None => root = Some(Node::new(value)),
        }
    }
}

/// A name that stands twice. Sorting keeps it fast for an object of any size.
fn twice<'m>(members: &'m [Member<'_>]) -> Option<&'m str> {
    const FEW: usize = 16;
    if members.len() <= FEW {
        return members.iter().enumerate().find_map(|(at, member)| {
            members.iter().take(at).any(|m| m.name == member.name).then_some(member.name.as_ref())
        });
    }
    let mut names: Vec<&str> = members.iter().map(|m| m.name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    })
}

/// The path of a member of the object that was just closed.
fn place(open: &[Open<'_>], name: &str) -> String {
    let mut place = String::new();
    for level in open {
        match level {
            Open::List(entries) => {
                let _ = write!(place, "[{}]", entries.len());
            }
            Open::Object(_, next) => push_name(&mut place, next.as_deref().unwrap_or_default()),
        }
    }
    push_name(&mut place, name);
    place
}

/// Adds a member's name to a path. Only names that a FHIR element could have are repeated: others may hold anything.
pub(crate) fn push_name(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(element_name(name));
}

/// The name of an element, or `?` for a name that no FHIR element could have.
pub(crate) fn element_name(name: &str) -> &str {
    const LONGEST: usize = 48;
    let letters = name.strip_prefix('_').unwrap_or(name);
    let plausible = name.len() <= LONGEST
        && letters.starts_with(|c: char| c.is_ascii_alphabetic())
        && letters.bytes().all(|b| b.is_ascii_alphanumeric());
    if plausible { name } else { "?" }
}

fn check_utf8(text: &[u8]) -> Result<(), Refusal> {
    std::str::from_utf8(text).map(drop).map_err(|error| {
        // an incomplete character at the very end is a cut, not another encoding
        let refusal = if error.error_len().is_none() { truncated } else { not_utf8 };
        at(text, error.valid_up_to(), refusal)
    })
}

fn not_utf8(line: u64, column: u64) -> Refusal {
    Refusal::NotUtf8 { line, column }
}

fn truncated(line: u64, column: u64) -> Refusal {
    Refusal::Truncated { line, column }
}

fn not_json(line: u64, column: u64) -> Refusal {
    Refusal::NotJson { line, column }
}

/// The parser's own message would quote the text, so only its place is kept.
fn syntax(error: &JsonSyntaxError, text: &[u8], complete: bool) -> Refusal {
    let start = error.location().start;
    let (line, column) = (start.line + 1, start.column + 1);
    if complete {
        Refusal::Trailing { line, column }
    } else if start.offset >= text.len() as u64 || error.message() == "Unexpected end of file" {
        at(text, text.len(), truncated)
    } else {
        not_json(line, column)
    }
}

/// A refusal at a byte of the text.
fn at(text: &[u8], offset: usize, refusal: impl Fn(u64, u64) -> Refusal) -> Refusal {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.iter().filter(|b| **b == b'\n').count() as u64 + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() as u64 + 1;
    refusal(line, column)
}
