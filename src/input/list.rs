//! Reads `--files-from`: one path per line, or with NUL between paths as `find -print0` writes them.
//!
//! PowerShell writes lists as UTF-16 with a byte order mark; that is read too.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest list that is read: about a million paths.
const MAX_LIST: u64 = 256 << 20;

/// Reads a list; `-` is standard input.
pub(super) fn read(list: &Path) -> io::Result<Vec<PathBuf>> {
    let stream: Box<dyn Read> =
        if list == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(list)?) };
    let mut bytes = Vec::new();
    stream.take(MAX_LIST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(io::Error::other("the list is larger than 256 MiB"));
    }
    Ok(paths(&bytes))
}

fn paths(bytes: &[u8]) -> Vec<PathBuf> {
    let narrowed;
    let bytes = if let Some(wide) = bytes.strip_prefix(b"\xff\xfe") {
        let units: Vec<u16> = wide
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes(pair.try_into().unwrap_or_default()))
            .collect();
        narrowed = String::from_utf16_lossy(&units).into_bytes();
        narrowed.as_slice()
    } else {
        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
    };
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    bytes
        .split(|&byte| byte == end)
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(path)
        .collect()
}

#[cfg(unix)]
fn path(line: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(line))
}

#[cfg(not(unix))]
fn path(line: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::paths;

    #[test]
    fn lists_of_all_shells_are_read() {
        let both: Vec<PathBuf> = vec!["a b".into(), "c".into()];
        assert_eq!(paths(b"a b\nc\n"), both);
        assert_eq!(paths(b"\xef\xbb\xbfa b\r\n\r\nc"), both);
        assert_eq!(paths(b"a b\0c\0"), both);
        let wide: Vec<u8> = "\u{feff}a b\r\nc\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(paths(&wide), both);
    }
}
