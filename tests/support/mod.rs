//! Test support: logs of invented hosts, written from readable scenarios.
//!
//! [`Scenario`] reads a `scenario.yml` and gives its logs; [`write_host`] does both for a test; [`fleet::fleet`]
//! makes many hosts with known causes. Nothing here is part of the shipped binary.
#![allow(clippy::panic, reason = "a scenario that cannot be written stops the test that uses it")]

mod catalogue;
pub(crate) mod evtx_writer;
pub(crate) mod fleet;
mod host;
mod random;
mod samples;
mod scenario;
mod story;
mod yaml;

pub(crate) use samples::{samples, samples_folder};
pub(crate) use scenario::{Expected, Scenario, write_host};
