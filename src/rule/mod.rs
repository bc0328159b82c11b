//! Rules: YAML files in Sigma's form with our additions, compiled into an index by provider and event id.
//!
//! Says true or false of one record. What a cause asks of a host's whole timeline is only read here
//! (`when`); `diagnose` decides it.

pub(crate) mod case;
pub(crate) mod cause;
mod check;
mod condition;
pub(crate) mod correlation;
pub(crate) mod detection;
mod encode;
mod error;
pub(crate) mod facts;
pub(crate) mod field;
mod file;
pub(crate) mod index;
pub(crate) mod keys;
pub(crate) mod logsource;
pub(crate) mod matcher;
mod pattern;
mod place;
pub(crate) mod placeholder;
mod plan;
mod resolve;
mod schema;
mod set;
mod tree;
pub(crate) mod update;
pub(crate) mod when;

pub(crate) use condition::Condition;
pub(crate) use error::nearest;
pub use error::{Flaw, FlawKind, RuleError};
pub use file::{Kind, Rule};
pub(crate) use index::AtomId;
pub(crate) use plan::{Key, Outlook, Plan};
pub use schema::schema;
pub(crate) use set::CONDITION;
pub use set::RuleSet;
pub(crate) use tree::Tree;

/// The form in which sentences are compared; see [`crate::text::normal_form`].
fn normal(text: &str) -> String {
    crate::text::normal_form(text)
}
