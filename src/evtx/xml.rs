//! One event's XML becomes a [`Record`]; used for the crate's rendering and for XML exports.
//!
//! Reads names, attributes and text; what they mean is the builder's to know.

use std::sync::Arc;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::Record;
use super::builder::Builder;

/// The XML of an event could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    #[error("broken XML: {0}")]
    Syntax(String),
    #[error("no Event element")]
    NoEvent,
}

/// Reads the first `Event` element of `text`.
pub(crate) fn read_event(text: &str, log: &Arc<str>) -> Result<Record, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut builder = Builder::new(log);
    loop {
        match reader.read_event().map_err(|error| syntax(&error))? {
            Event::Start(tag) => open(&mut builder, &tag)?,
            Event::Empty(tag) => {
                open(&mut builder, &tag)?;
                builder.close();
            }
            Event::Text(text) => builder.text().push_str(&text),
            Event::CData(data) => builder.text().push_str(&data),
            Event::GeneralRef(entity) => builder.text().push(character_of(&entity)?),
            Event::End(_) => {
                builder.close();
                if builder.depth() == 0 {
                    break;
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    builder.finish().ok_or(XmlError::NoEvent)
}

fn syntax(error: &dyn std::fmt::Display) -> XmlError {
    XmlError::Syntax(error.to_string())
}

fn open(builder: &mut Builder, tag: &BytesStart<'_>) -> Result<(), XmlError> {
    if !builder.open(tag.local_name().as_ref().into()) {
        return Err(XmlError::Syntax("elements nested too deeply".to_owned()));
    }
    for attribute in tag.attributes().with_checks(false).flatten() {
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| syntax(&error))?;
        builder.attribute(attribute.key.local_name().as_ref(), &value);
    }
    Ok(())
}

fn character_of(entity: &BytesRef<'_>) -> Result<char, XmlError> {
    if let Some(character) = entity.resolve_char_ref().map_err(|error| syntax(&error))? {
        return Ok(character);
    }
    predefined(entity).ok_or_else(|| XmlError::Syntax(format!("unknown entity &{};", &**entity)))
}

/// The character of one of XML's five named entities.
pub(super) fn predefined(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}
