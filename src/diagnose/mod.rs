//! One host's matches and facts become findings, ranked causes, and an incident with beginning and end.

pub mod builds;
