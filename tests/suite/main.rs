//! Tests of behaviour, from the outside.

mod corpus;
mod damage;
mod exports;
mod fleet_support;
mod input;
mod oracle;
mod samples;
#[path = "../support/mod.rs"]
mod support;
mod text;
mod text_files;
