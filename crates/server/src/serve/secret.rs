//! This server's own secret: what the answers to unknown users are derived from, so that they stay the same.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::StartError;
use crate::real::Machine;

/// The secret in this data directory; made, if there is none.
pub(super) fn load(directory: &Path, machine: &Machine) -> Result<[u8; 32], StartError> {
    read_or_make(&directory.join("secret"), machine).map_err(|error| StartError::DataDirectory { directory: directory.to_owned(), error })
}

fn read_or_make(path: &Path, machine: &Machine) -> std::io::Result<[u8; 32]> {
    if fs::exists(path)? {
        let octets = fs::read(path)?;
        return octets.try_into().map_err(|_octets| std::io::Error::other(format!("{}: expected 32 octets", path.display())));
    }
    let mut secret = [0; 32];
    machine.fill_random(&mut secret);
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    // Until its directory is on the disk, a power cut takes the name away, and everybody's answers would change.
    if let Some(directory) = path.parent() {
        fs::File::open(directory)?.sync_all()?;
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_secret_is_made_once() {
        let directory = tempfile::tempdir().unwrap();
        let first = load(directory.path(), &Machine::new()).unwrap();
        assert_eq!(load(directory.path(), &Machine::new()).unwrap(), first);
        fs::write(directory.path().join("secret"), "short").unwrap();
        assert!(load(directory.path(), &Machine::new()).is_err());
    }
}
