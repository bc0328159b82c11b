//! A rule as it is written: kept where it was read in this run, unpacked again where it is compiled into the program.
//!
//! Most runs only ask what was made of a rule, and its tree takes more room than that.

use std::sync::OnceLock;

use crate::text::yaml::{Mark, Node, Value};

/// A document of a file.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    /// At hand.
    Read(Node),
    /// In the program.
    Packed(Packed),
}

/// A document of a file in the program.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    file: &'static [u8],
    number: usize,
    /// The same, once something has asked for it.
    unpacked: OnceLock<Box<Node>>,
}

impl Tree {
    /// A document that was read; of a packed file only its place stays.
    pub(super) fn new(node: Node, packed: Option<&'static [u8]>, number: usize) -> Self {
        match packed {
            None => Self::Read(node),
            Some(file) => Self::Packed(Packed { file, number, unpacked: OnceLock::new() }),
        }
    }

    /// The document.
    pub(crate) fn node(&self) -> &Node {
        match self {
            Self::Read(node) => node,
            Self::Packed(Packed { file, number, unpacked }) => unpacked.get_or_init(|| {
                let nothing = Node { mark: Mark::default(), value: Value::Null };
                Box::new(unpack(file).into_iter().nth(*number).unwrap_or(nothing))
            }),
        }
    }
}

/// The documents of a file in the program.
pub(super) fn unpack(file: &'static [u8]) -> Vec<Node> {
    postcard::from_bytes(file).expect("the build script wrote these bytes with the same types")
}
