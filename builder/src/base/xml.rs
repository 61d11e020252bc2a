//! The little of XML that repodata uses: elements, attributes, text.

use super::malformed::Malformed;
use quick_xml::encoding::EncodingError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::cell::Cell;
use std::io::{self, BufReader, Read};

/// Deeper than any metadata; what is deeper is not read.
const DEEPEST: usize = 64;

/// What a document consists of.
pub enum Token<'a> {
    /// An element begins.
    Start(&'a str, Attributes<'a>),
    /// An element ends; the text directly before its end.
    End(&'a str, &'a str),
}

/// An element's attributes.
pub struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// The value of one, entities resolved; empty when it does not exist.
    pub fn get(&self, name: &str) -> Result<String, Malformed> {
        let mut found = String::new();
        self.each(|key, value| {
            if key == name {
                value.clone_into(&mut found);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands each name and value to `on`.
    pub fn each(
        &self,
        mut on: impl FnMut(&str, &str) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for attribute in self.0.attributes() {
            let attribute = attribute.map_err(|e| e.to_string())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            on(attribute.key.0, &value.map_err(|e| e.to_string())?)?;
        }
        Ok(())
    }
}

/// More than any element's tag or text has; what is longer is not read into memory.
const LONGEST: u64 = 16 << 20;
/// Bytes read at a time.
const PIECE: usize = 64 << 10;

/// Reads a document piece by piece. The error says what is wrong, also what `on` finds wrong,
/// and at which byte.
pub fn parse(
    from: impl Read,
    mut on: impl FnMut(Token) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let left = Cell::new(LONGEST);
    let bounded = Bounded { from, left: &left };
    let mut reader = Reader::from_reader(BufReader::with_capacity(PIECE, bounded));
    let (mut buffer, mut content) = (Vec::new(), String::new());
    let mut depth = 0usize;
    let mut seen = false;
    loop {
        let at = reader.buffer_position();
        buffer.clear();
        left.set(LONGEST);
        let event = reader.read_event_into(&mut buffer).map_err(|e| describe(&e, at))?;
        if matches!(event, Event::Eof) {
            if depth > 0 || !seen {
                return Err(format!("the document ends early, at byte {at}").into());
            }
            return Ok(());
        }
        seen |= matches!(event, Event::Start(_) | Event::Empty(_));
        one(event, &mut content, &mut depth, &mut on).map_err(|e| format!("{e} at byte {at}"))?;
        if content.len() as u64 > LONGEST {
            return Err(format!("{} at byte {at}", too_long()).into());
        }
    }
}

/// Reads no more than is left for what is being read.
struct Bounded<'a, R> {
    from: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(to)?;
        match self.left.get().checked_sub(n as u64) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other(too_long())),
        }
        Ok(n)
    }
}

fn too_long() -> String {
    format!("a tag or text of more than {} MiB", LONGEST >> 20)
}

fn describe(error: &quick_xml::Error, at: u64) -> String {
    match error {
        quick_xml::Error::Encoding(EncodingError::Utf8(e)) => {
            format!("not UTF-8 at byte {}", at + e.valid_up_to() as u64)
        }
        quick_xml::Error::Io(e) => format!("{e} at byte {at}"),
        e => format!("{e} at byte {at}"),
    }
}

fn one(
    event: Event<'_>,
    content: &mut String,
    depth: &mut usize,
    on: &mut impl FnMut(Token) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    match event {
        Event::Start(start) => {
            content.clear();
            *depth += 1;
            if *depth > DEEPEST {
                return Err(format!("more than {DEEPEST} elements within each other").into());
            }
            on(Token::Start(start.name().0, Attributes(&start)))?;
        }
        Event::Empty(start) => {
            on(Token::Start(start.name().0, Attributes(&start)))?;
            on(Token::End(start.name().0, ""))?;
        }
        Event::End(end) => {
            on(Token::End(end.name().0, content.trim()))?;
            content.clear();
            *depth -= 1;
        }
        Event::Text(text) => content.push_str(&text.xml10_content()),
        Event::CData(data) => content.push_str(&data.xml10_content()),
        Event::GeneralRef(reference) => match reference.resolve_char_ref() {
            Ok(Some(c)) => content.push(c),
            _ => content.push_str(match &*reference.xml10_content() {
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                "quot" => "\"",
                "apos" => "'",
                other => return Err(format!("unknown entity &{other};").into()),
            }),
        },
        Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => {}
    }
    Ok(())
}
