//! Tests of behaviour, from the outside.

mod architecture;
mod corpus;
mod damage;
mod damaged_files;
mod diagnose;
mod exports;
mod faults;
mod fleet;
mod fleet_support;
mod hostile;
mod hostile_text;
mod input;
mod join;
mod lanes;
mod oracle;
mod period;
mod rights;
mod rule_cases;
mod rule_format;
mod rules;
mod rules_matrix;
mod samples;
mod seeds;
#[path = "../support/mod.rs"]
mod support;
mod text;
mod text_bytes;
mod text_files;
mod text_mta;
mod updates;
mod usage;
mod verbs;
