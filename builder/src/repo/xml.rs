//! The little of XML that repodata uses: elements, attributes, text.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

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
    /// The value of one, entities resolved.
    pub fn get(&self, name: &str) -> Option<String> {
        let attribute = self.0.try_get_attribute(name).ok()??;
        attribute.normalized_value(XmlVersion::Implicit1_0).ok().map(|v| v.into_owned())
    }
}

/// Reads a document; the error says what and at which byte.
pub fn parse(bytes: &[u8], mut on: impl FnMut(Token)) -> Result<(), String> {
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))?;
    let mut reader = Reader::from_str(text);
    let mut content = String::new();
    let mut depth = 0usize;
    let mut seen = false;
    loop {
        let at = reader.buffer_position();
        match reader.read_event().map_err(|e| format!("{e} at byte {at}"))? {
            Event::Start(start) => {
                content.clear();
                depth += 1;
                seen = true;
                on(Token::Start(start.name().0, Attributes(&start)));
            }
            Event::Empty(start) => {
                seen = true;
                on(Token::Start(start.name().0, Attributes(&start)));
                on(Token::End(start.name().0, ""));
            }
            Event::End(end) => {
                on(Token::End(end.name().0, content.trim()));
                content.clear();
                depth -= 1;
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::CData(data) => content.push_str(&data.xml10_content()),
            Event::GeneralRef(reference) => {
                if let Ok(Some(c)) = reference.resolve_char_ref() {
                    content.push(c);
                } else {
                    content.push_str(match &*reference.xml10_content() {
                        "amp" => "&",
                        "lt" => "<",
                        "gt" => ">",
                        "quot" => "\"",
                        "apos" => "'",
                        other => return Err(format!("unknown entity &{other}; at byte {at}")),
                    });
                }
            }
            Event::Eof if depth > 0 || !seen => {
                return Err(format!("the document ends early, at byte {at}"));
            }
            Event::Eof => return Ok(()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}
