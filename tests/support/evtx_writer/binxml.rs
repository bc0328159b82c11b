//! BinXML tokens: element trees, template definitions and template instances, written into a chunk.
//!
//! Windows stores an element name and a template once per chunk, at its first use, and refers to it by its
//! offset afterwards; the chunk header holds hash tables of both. Layout: MS-EVEN6 2.2.12 and libyal's
//! description of the format.

use super::value::{Value, guid_bytes, utf16};

const FRAGMENT: [u8; 4] = [0x0f, 1, 1, 0];
const END_OF_FRAGMENT: u8 = 0;
/// "This element depends on no value."
pub(crate) const ALWAYS: u16 = 0xffff;

/// What stands in an element or an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Text(String),
    /// Place of the value with this index, of this type; an optional one vanishes when the value is null.
    Slot {
        index: u16,
        kind: u8,
        optional: bool,
    },
}

/// A child of an element.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Element(Element),
    Piece(Piece),
}

/// An XML element; `depends` is the value without which a template leaves it out.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) depends: u16,
    pub(crate) attributes: Vec<(String, Piece)>,
    pub(crate) children: Vec<Node>,
}

impl Element {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), depends: ALWAYS, attributes: Vec::new(), children: Vec::new() }
    }

    pub(crate) fn depends(mut self, value: u16) -> Self {
        self.depends = value;
        self
    }

    pub(crate) fn attribute(mut self, name: &str, piece: Piece) -> Self {
        self.attributes.push((name.into(), piece));
        self
    }

    pub(crate) fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    pub(crate) fn piece(mut self, piece: Piece) -> Self {
        self.children.push(Node::Piece(piece));
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        if text.is_empty() { self } else { self.piece(Piece::Text(text.into())) }
    }
}

/// A template with the values that fill it.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) root: Element,
    pub(crate) values: Vec<Value>,
    /// Whether the fragment header stands in front of an embedded instance; both forms occur.
    pub(crate) with_header: bool,
}

/// A state of [`Tables`].
pub(crate) struct Mark {
    names: usize,
    templates: usize,
    name_buckets: Vec<u32>,
    template_buckets: Vec<u32>,
}

/// Element names and templates that a chunk holds so far, as its header lists them.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    names: Vec<(String, u32)>,
    templates: Vec<([u8; 16], u32)>,
    pub(crate) name_buckets: Vec<u32>,
    pub(crate) template_buckets: Vec<u32>,
}

impl Tables {
    pub(crate) fn new() -> Self {
        Self { name_buckets: vec![0; 64], template_buckets: vec![0; 32], ..Self::default() }
    }

    /// The state to which [`Tables::go_back`] returns.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            names: self.names.len(),
            templates: self.templates.len(),
            name_buckets: self.name_buckets.clone(),
            template_buckets: self.template_buckets.clone(),
        }
    }

    /// Forgets everything since `mark`.
    pub(crate) fn go_back(&mut self, mark: Mark) {
        self.names.truncate(mark.names);
        self.templates.truncate(mark.templates);
        self.name_buckets = mark.name_buckets;
        self.template_buckets = mark.template_buckets;
    }
}

/// Writes BinXML at the end of a chunk that is being filled.
pub(crate) struct Encoder<'a> {
    pub(crate) chunk: &'a mut Vec<u8>,
    pub(crate) tables: &'a mut Tables,
}

impl Encoder<'_> {
    /// A whole fragment without template: how forwarded records are stored.
    pub(crate) fn plain(&mut self, root: &Element) {
        self.chunk.extend(FRAGMENT);
        self.element(root, false);
        self.chunk.push(END_OF_FRAGMENT);
    }

    /// A whole fragment that is one template instance: how a machine stores its own records.
    pub(crate) fn instance(&mut self, instance: &Instance) {
        if instance.with_header {
            self.chunk.extend(FRAGMENT);
        }
        let guid = template_guid(&instance.root);
        let known = self.tables.templates.iter().find(|(own, _)| *own == guid).map(|(_, offset)| *offset);
        self.chunk.extend([0x0c, 1]);
        self.chunk.extend(guid.iter().take(4));
        let here = self.position() + 4;
        self.u32(known.unwrap_or(here));
        if known.is_none() {
            self.template(guid, &instance.root);
        }
        self.values(&instance.values);
        self.chunk.push(END_OF_FRAGMENT);
    }

    fn template(&mut self, guid: [u8; 16], root: &Element) {
        let here = self.position();
        let next = enter(&mut self.tables.template_buckets, hash(&guid), here);
        self.tables.templates.push((guid, here));
        self.u32(next);
        self.chunk.extend(guid);
        let size = self.open_size();
        self.chunk.extend(FRAGMENT);
        self.element(root, true);
        self.chunk.push(END_OF_FRAGMENT);
        self.close_size(size);
    }

    fn values(&mut self, values: &[Value]) {
        self.u32(u32::try_from(values.len()).expect("few values"));
        let descriptors = self.chunk.len();
        for value in values {
            self.chunk.extend([0, 0, value.code(), 0]);
        }
        for (index, value) in values.iter().enumerate() {
            let start = self.chunk.len();
            match value {
                Value::Xml(instance) => self.instance(instance),
                plain => self.chunk.extend(plain.bytes()),
            }
            let size = u16::try_from(self.chunk.len() - start).expect("a value of less than 64 KiB");
            self.patch(descriptors + 4 * index, &size.to_le_bytes());
        }
    }

    fn element(&mut self, element: &Element, in_template: bool) {
        let has_attributes = !element.attributes.is_empty();
        self.chunk.push(if has_attributes { 0x41 } else { 0x01 });
        if in_template {
            self.chunk.extend(element.depends.to_le_bytes());
        }
        let size = self.open_size();
        self.name(&element.name);
        if has_attributes {
            let list = self.open_size();
            self.attributes(&element.attributes);
            self.close_size(list);
        }
        if has_attributes && element.children.is_empty() {
            self.chunk.push(0x03);
        } else {
            self.chunk.push(0x02);
            for child in &element.children {
                match child {
                    Node::Element(child) => self.element(child, in_template),
                    Node::Piece(piece) => self.piece(piece, in_template),
                }
            }
            self.chunk.push(0x04);
        }
        self.close_size(size);
    }

    fn attributes(&mut self, attributes: &[(String, Piece)]) {
        let last = attributes.len() - 1;
        for (index, (name, piece)) in attributes.iter().enumerate() {
            self.chunk.push(if index < last { 0x46 } else { 0x06 });
            self.name(name);
            self.piece(piece, true);
        }
    }

    fn piece(&mut self, piece: &Piece, in_template: bool) {
        match piece {
            Piece::Slot { index, kind, optional } => {
                self.chunk.push(if *optional { 0x0e } else { 0x0d });
                self.chunk.extend(index.to_le_bytes());
                self.chunk.push(*kind);
            }
            Piece::Text(text) if in_template => self.text(text),
            Piece::Text(text) => self.text_with_entities(text),
        }
    }

    /// Text of a forwarded record: it came as XML, so its entities are tokens of their own.
    fn text_with_entities(&mut self, text: &str) {
        for part in text.split_inclusive(['&', '<', '>']) {
            let plain = part.trim_end_matches(['&', '<', '>']);
            if !plain.is_empty() {
                self.text(plain);
            }
            let entity = match part.chars().last() {
                Some('&') => "amp",
                Some('<') => "lt",
                Some('>') => "gt",
                _ => continue,
            };
            self.chunk.push(0x09);
            self.name(entity);
        }
    }

    fn text(&mut self, text: &str) {
        let units = utf16(text);
        self.chunk.extend([0x05, 0x01]);
        self.chunk.extend(u16::try_from(units.len() / 2).expect("a short text").to_le_bytes());
        self.chunk.extend(units);
    }

    /// Refers to a name, and writes it here when the chunk does not hold it yet.
    fn name(&mut self, name: &str) {
        if let Some((_, offset)) = self.tables.names.iter().find(|(own, _)| own == name) {
            let offset = *offset;
            return self.u32(offset);
        }
        let here = self.position() + 4;
        let units = utf16(name);
        let hash = hash(&units);
        let next = enter(&mut self.tables.name_buckets, hash, here);
        self.tables.names.push((name.into(), here));
        self.u32(here);
        self.u32(next);
        self.chunk.extend(hash.to_le_bytes().iter().take(2));
        self.chunk.extend(u16::try_from(units.len() / 2).expect("a short name").to_le_bytes());
        self.chunk.extend(units);
        self.chunk.extend([0, 0]);
    }

    fn position(&self) -> u32 {
        u32::try_from(self.chunk.len()).expect("a chunk has 64 KiB")
    }

    fn u32(&mut self, number: u32) {
        self.chunk.extend(number.to_le_bytes());
    }

    fn open_size(&mut self) -> usize {
        self.u32(0);
        self.chunk.len()
    }

    fn close_size(&mut self, start: usize) {
        let size = u32::try_from(self.chunk.len() - start).expect("a chunk has 64 KiB");
        self.patch(start - 4, &size.to_le_bytes());
    }

    fn patch(&mut self, at: usize, bytes: &[u8]) {
        patch(self.chunk, at, bytes);
    }
}

/// Overwrites bytes in place.
pub(crate) fn patch(target: &mut [u8], at: usize, bytes: &[u8]) {
    target.get_mut(at..at + bytes.len()).expect("a place written before").copy_from_slice(bytes);
}

/// Makes `offset` the head of its bucket and returns the old head, to which it must point.
fn enter(buckets: &mut [u32], hash: u32, offset: u32) -> u32 {
    let count = u32::try_from(buckets.len()).expect("64 or 32");
    let bucket = usize::try_from(hash % count).expect("below 64");
    std::mem::replace(buckets.get_mut(bucket).expect("a remainder"), offset)
}

/// The hash of names and template GUIDs: over 16-bit units, as Windows' own logs have it.
fn hash(units: &[u8]) -> u32 {
    units.chunks(2).fold(0, |hash: u32, unit| {
        let unit = unit.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        hash.wrapping_mul(65_599).wrapping_add(unit)
    })
}

/// Two FNV-1a sums over the tree: equal trees share a template, others do not.
fn template_guid(root: &Element) -> [u8; 16] {
    let mut sums = [0xcbf2_9ce4_8422_2325_u64, 0x6c62_272e_07bb_0142];
    digest(root, &mut |bytes| {
        for sum in &mut sums {
            *sum =
                bytes.iter().fold(*sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        }
    });
    let [high, low] = sums;
    guid_bytes(&format!("{high:016x}{low:016x}"))
}

/// Gives everything that makes a tree what it is, with marks between the parts.
fn digest(element: &Element, take: &mut impl FnMut(&[u8])) {
    let piece_digest = |piece: &Piece, take: &mut dyn FnMut(&[u8])| match piece {
        Piece::Text(text) => {
            take(text.as_bytes());
            take(&[0xfe]);
        }
        Piece::Slot { index, kind, optional } => {
            take(&index.to_le_bytes());
            take(&[*kind, u8::from(*optional), 0xfd]);
        }
    };
    take(element.name.as_bytes());
    take(&element.depends.to_le_bytes());
    for (name, piece) in &element.attributes {
        take(name.as_bytes());
        take(&[0xfc]);
        piece_digest(piece, take);
    }
    take(&[0xfb]);
    for child in &element.children {
        match child {
            Node::Element(child) => digest(child, take),
            Node::Piece(piece) => piece_digest(piece, take),
        }
    }
    take(&[0xfa]);
}
