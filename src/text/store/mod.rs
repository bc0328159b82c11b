//! What the build script and the program share: reading catalogue files and packing tables.
//!
//! The build script includes this directory by path, so nothing here may use another room, and nothing here
//! reads a packed catalogue back: that is for `text/catalogue.rs` and `text/codes.rs`.

pub(crate) mod catalogue;
pub(crate) mod pack;
pub(crate) mod yaml;
