//! Damage found in a log: a value in the report, while the run goes on.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One place in a log that could not be read as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fault {
    /// Path or name of the log.
    pub log: Arc<str>,
    /// Offset in the log, in bytes.
    pub offset: u64,
    /// What should stand there.
    pub expected: Box<str>,
    /// What stands there.
    pub found: Box<str>,
    /// Records that are known to be lost here.
    pub lost: u64,
}
