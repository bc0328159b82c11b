//! Tests of behaviour, from the outside.

mod input;
