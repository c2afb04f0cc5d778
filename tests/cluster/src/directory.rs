//! The directory of one cluster: everything that it writes, readable by its owner only.

use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Random bytes from the system, as `2 * N` hexadecimal digits.
pub(crate) fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0_u8; N];
    let source = "/dev/urandom";
    let mut file = File::open(source).map_err(Error::file("open", source))?;
    file.read_exact(&mut bytes).map_err(Error::file("read", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes a new private directory under the system's temporary directory.
///
/// The name stays short: sockets live in it, and a socket's path may have about 100 bytes.
pub(crate) fn create() -> Result<PathBuf> {
    let temporary = std::env::temp_dir();
    let temporary = temporary.canonicalize().map_err(Error::file("resolve", &temporary))?;
    let path = temporary.join(format!("berth-{}", random_hex::<4>()?));
    let make = |path: &Path| DirBuilder::new().mode(0o700).create(path).map_err(Error::file("create", path));
    make(&path)?;
    for child in ["pids", "pids/plane", "pids/spawned", "logs", "kubeconfigs", "stages"] {
        make(&path.join(child))?;
    }
    Ok(path)
}

/// Writes a file that only its owner can read, with the given mode (`0o600`, `0o700` for a script).
pub(crate) fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(true).mode(mode).open(path);
    let mut file = file.map_err(Error::file("create", path))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(Error::file("write", path))
}

/// The last `lines` lines of a file, or an empty text if it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
