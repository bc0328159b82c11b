//! Where results go: standard output, or a file that is there whole or not at all.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use super::Failure;
use super::args::{ColorChoice, FormatArg, Global, LookArgs};
use crate::render::{Format, Style};

/// Columns when nobody says and there is no terminal.
const DEFAULT_WIDTH: usize = 120;
/// Fewest columns that a table is made for.
const MIN_WIDTH: usize = 80;

/// The renderer's format for an argument.
pub(super) fn format(arg: FormatArg) -> Format {
    match arg {
        FormatArg::Table => Format::Table,
        FormatArg::Json => Format::Json,
        FormatArg::Jsonl => Format::JsonLines,
        FormatArg::Csv => Format::Csv,
        FormatArg::Markdown => Format::Markdown,
        FormatArg::Html => Format::Html,
    }
}

/// How the output shall look; `is_file` when it goes to a file.
pub(super) fn style(look: &LookArgs, is_file: bool, global: &Global) -> Style {
    let is_terminal = !is_file && io::stdout().is_terminal();
    let color = match global.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let width = if is_file { look.width.unwrap_or(DEFAULT_WIDTH) } else { width(look.width) };
    Style { width: width.max(MIN_WIDTH), color, tz: look.tz, top: look.top }
}

/// Columns: those asked for, else those of the terminal that shows standard output.
pub(super) fn width(wanted: Option<usize>) -> usize {
    let columns = || console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    let shown = wanted.or_else(|| columns().filter(|_| io::stdout().is_terminal()));
    shown.unwrap_or(DEFAULT_WIDTH).max(MIN_WIDTH)
}

/// Writes with `render` to the file or to standard output. A closed pipe is a quiet end.
pub(super) fn write(
    path: Option<&Path>,
    render: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Failure> {
    let Some(path) = path else {
        return stream(io::stdout().lock(), render)
            .map_err(|error| Failure::new(format!("cannot write to standard output: {error}"), ""));
    };
    let failed = |error: io::Error| {
        Failure::new(format!("cannot write {}: {error}", path.display()), "choose another file with --output")
    };
    // A device or a pipe is written to, never replaced by a file.
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir()) {
        let device = std::fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
        return stream(device, render).map_err(failed);
    }
    // A link stays a link: the file that it points to is the one to replace.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    {
        let mut out = BufWriter::new(&mut file);
        render(&mut out).and_then(|()| out.flush()).map_err(failed)?;
    }
    open_to_others(&file);
    file.persist(target).map(drop).map_err(|error| failed(error.error))
}

/// Writes with `render` to what takes bytes as they come.
fn stream(out: impl Write, render: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(out);
    match render(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Temporary files are private; a report has the permissions that other new files have.
#[cfg(unix)]
fn open_to_others(file: &tempfile::NamedTempFile) {
    use std::os::unix::fs::PermissionsExt;
    // Failing leaves a report that only its owner reads, which is no loss.
    let _ = std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644));
}

#[cfg(not(unix))]
fn open_to_others(_: &tempfile::NamedTempFile) {}
