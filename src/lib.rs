//! rdpwhy reads exported Windows event logs and says why Remote Desktop failed and what to do.
//!
//! Data flows one way through the rooms: `input → evtx → text → rule → scan → diagnose → fleet → explain →
//! report → render → cli`. A room uses rooms to its left only; `tests/suite/architecture.rs` enforces it.

pub mod cli;
pub mod diagnose;
pub mod evtx;
pub mod explain;
pub mod fleet;
pub mod input;
pub mod render;
pub mod report;
pub mod rule;
pub mod scan;
pub mod text;
