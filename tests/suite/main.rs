//! Tests of behaviour, from the outside.

mod corpus;
mod input;
mod oracle;
