//! Turns `rules/builds/*.yml` into a table in Rust, so that looking a build up costs nothing at the start.
//!
//! The files are ours, so a wrong one ends the build with its name and line.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::text;
use crate::text::store::yaml::{Node, YamlError};

/// Writes the table of all builds, by number, as the expression that `src/diagnose/builds.rs` includes.
pub(crate) fn compile(rules: &Path, out: &Path) {
    let mut builds = BTreeMap::new();
    for path in text::yaml_files(&rules.join("builds")) {
        let (number, line) = build(&text::read(&path)).unwrap_or_else(|error| text::fail(&path, &error));
        if path.file_stem().and_then(|stem| stem.to_str()) != Some(number.to_string().as_str()) {
            text::fail(&path, &format!("the file of build {number} is called {number}.yml"));
        }
        builds.insert(number, line);
    }
    let lines: String = builds.into_values().collect();
    text::write(&out.join("builds.rs"), format!("&[\n{lines}]\n").as_bytes());
}

/// One file as one line of the table.
fn build(text: &str) -> Result<(u32, String), YamlError> {
    let file = text::first(text)?;
    let keys = file.want_map("keys and values")?;
    let node = |key: &str| keys.iter().find(|(name, _)| *name == key).map(|(_, node)| *node);
    let texts = |key: &str| node(key).map_or(Ok(Vec::new()), |node| node.want_texts("a list of texts"));
    let missing = || file.error("`build` is missing");
    let number: u32 = node("build").ok_or_else(missing)?.want_number("the number of the build")?;
    let kernel = match node("kernel_reports") {
        Some(node) => node.want_number("the number of another build")?,
        None => number,
    };
    let revisions = node("revisions").map_or(Ok(String::new()), revisions)?;
    let (clients, servers, rollups) = (texts("clients")?, texts("servers")?, texts("rollups")?);
    let line = format!(
        "Build {{ number: {number}, kernel: {kernel}, clients: &{clients:?}, servers: &{servers:?}, \
         revisions: &[{revisions}], rollups: &{rollups:?} }},\n"
    );
    Ok((number, line))
}

/// Lines of `revision KB…` as pairs; they must rise, because they are searched by halves.
fn revisions(list: &Node) -> Result<String, YamlError> {
    let (mut out, mut last) = (String::new(), None);
    for node in list.want_list("a list of revisions")? {
        let line = node.want_text("a revision and its updates")?;
        let (revision, updates) = line.split_once(' ').unwrap_or((&line, ""));
        let updates: Vec<&str> = updates.split_whitespace().collect();
        let number = revision.parse::<u32>().ok().filter(|number| last.is_none_or(|last| last < *number));
        let is_named = !updates.is_empty() && updates.iter().all(|update| update.starts_with("KB"));
        let (Some(number), true) = (number, is_named) else {
            return Err(node.error("expected a revision above the one before, and its KBs"));
        };
        last = Some(number);
        let _ = write!(out, "({number}, &{updates:?}), "); // writing to a String cannot fail
    }
    Ok(out)
}
