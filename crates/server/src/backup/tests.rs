//! Backups of a store that goes on, and what becomes of them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io;
use std::os::unix::fs::PermissionsExt as _;

use super::restore::{Present, restore};
use super::*;
use crate::admin::client::Connection;
use crate::admin::request::Password;
use crate::real::Machine;
use crate::serve::open;

const SMALL: &[u8] = b"Subject: small\r\n\r\nHi\r\n";

struct Place {
    directory: tempfile::TempDir,
    config: Config,
}

fn alice() -> mail::address::Mailbox {
    "alice@a.test".parse().unwrap()
}

impl Place {
    fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let text = "hostname = \"mx.a.test\"\ndomains = [\"a.test\"]\ndata_dir = \"data\"\n[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n";
        let config = Config::parse(&directory.path().join("twoway.toml"), text).unwrap();
        Self { directory, config }
    }

    /// With a mailbox that has a small and a large message.
    fn furnished() -> Self {
        let place = Self::empty();
        let add = Request::AccountAdd { address: alice(), password: Password("x".to_owned()), screening: None, legacy: None };
        client::carry_out(&place.config, &add, &mut io::sink()).unwrap();
        place.import(SMALL);
        place.import(&vec![b'x'; 100_000]);
        fs::write(place.config.data_dir.join("secret"), [7; 32]).unwrap();
        fs::create_dir(place.config.data_dir.join("tls")).unwrap();
        fs::write(place.config.data_dir.join("tls/key.pem"), "key").unwrap();
        place
    }

    fn import(&self, octets: &[u8]) {
        let mut connection = Connection::open(&self.config).unwrap();
        let (received, content_octets) = ("2026-11-21T09:30:00Z".parse().unwrap(), octets.len() as u64);
        let import = Request::MailImport { address: alice(), mailbox: "INBOX".to_owned(), received, flags: Vec::new(), content_octets };
        connection.ask(&import, &mut &*octets, &mut io::sink()).unwrap();
        connection.close();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn back_up(&self) -> PathBuf {
        let path = self.path("backup");
        let done = back_up(&self.config, &path, Shown::ToNobody).unwrap();
        assert_eq!(done["ok"], true, "{done}");
        path
    }

    fn restore(&self, from: &Path, present: Present) -> Result<Value, AdminError> {
        restore(&self.config, from, present, Shown::ToNobody)
    }

    /// Sizes of what lies in the mailbox.
    fn sizes(&self) -> Vec<u64> {
        let listed = client::carry_out(&self.config, &Request::MailList { address: alice(), mailbox: None, limit: None }, &mut io::sink())
            .unwrap()
            .document;
        let mut sizes: Vec<_> = listed.as_array().unwrap().iter().map(|row| row["size_octets"].as_u64().unwrap()).collect();
        sizes.sort_unstable();
        sizes
    }

    fn check(&self) {
        let checked = client::carry_out(&self.config, &Request::Check, &mut io::sink()).unwrap().document;
        assert_eq!(checked["ok"], true, "{checked}");
    }

    fn uid_validity(&self) -> i64 {
        let connection = rusqlite::Connection::open(self.config.data_dir.join(DATABASE)).unwrap();
        connection.query_row("SELECT uidvalidity FROM mailbox", [], |row| row.get(0)).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_backup_has_all_that_a_server_needs_and_says_what_it_has_not() {
    let here = Place::furnished();
    let backup = here.back_up();
    let manifest = Manifest::read(&backup).unwrap();
    let paths: Vec<_> = manifest.files.iter().map(|file| file.path.to_str().unwrap().to_owned()).collect();
    assert!(["twoway.sqlite", "secret", "tls/key.pem"].iter().all(|path| paths.contains(&(*path).to_owned())), "{paths:?}");
    assert_eq!(paths.iter().filter(|path| path.starts_with("content/")).count(), 1);
    assert_eq!(paths.len(), 4, "no lock, no socket: {paths:?}");
    assert_eq!(manifest.configured, [here.path("cert.pem"), here.path("key.pem")]);
    for file in ["twoway.sqlite", "secret", "tls/key.pem", MANIFEST] {
        assert_eq!(mode(&backup.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&backup), 0o700);
    assert!(!backup.join(INCOMPLETE).exists() && !here.path("backup.tmp").exists());
    assert_eq!(back_up(&here.config, &backup, Shown::ToNobody).unwrap_err().code, "exists");
    assert_eq!(back_up(&Place::empty().config, &backup, Shown::ToNobody).unwrap_err().code, "no-store");
}

#[test]
fn a_backup_that_was_cut_short_is_begun_anew_and_nothing_else_is_removed() {
    let here = Place::furnished();
    let beside = here.path("backup.tmp");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("mine"), "x").unwrap();
    assert_eq!(back_up(&here.config, &here.path("backup"), Shown::ToNobody).unwrap_err().code, "exists");
    fs::write(beside.join(INCOMPLETE), "").unwrap();
    let backup = here.back_up();
    assert!(!backup.join("mine").exists());
    assert_eq!(here.restore(&beside, Present::Kept).unwrap_err().code, "backup");
}

#[test]
fn what_is_missing_is_said_and_all_else_is_backed_up() {
    let here = Place::furnished();
    let content = here.config.data_dir.join(CONTENT);
    let object = copy::files_below(&content).unwrap().remove(0);
    fs::remove_file(content.join(&object)).unwrap();
    let done = back_up(&here.config, &here.path("backup"), Shown::ToNobody).unwrap();
    assert_eq!(done["ok"], false);
    assert!(done["faults"][0].as_str().unwrap().contains(object.to_str().unwrap()));
    let there = Place::empty();
    let restored = there.restore(&here.path("backup"), Present::Kept).unwrap();
    assert_eq!(restored["violations"].as_array().unwrap().len(), 1);
    assert_eq!(there.sizes(), [SMALL.len() as u64, 100_000]);
}

#[test]
fn a_restored_store_is_the_one_of_the_backup_with_other_uids_and_knows_that_it_was_restored() {
    let here = Place::furnished();
    let backup = here.back_up();
    here.import(b"later");
    let before = here.uid_validity();
    assert_eq!(here.restore(&backup, Present::Kept).unwrap_err().code, "store-present");
    let restored = here.restore(&backup, Present::Replaced).unwrap();
    assert_eq!((&restored["ok"], &restored["mailboxes"]), (&Value::Bool(true), &Value::from(1)));
    assert!(here.uid_validity() > before);
    assert_eq!(here.sizes(), [SMALL.len() as u64, 100_000]);
    here.check();
    let aside = PathBuf::from(restored["replaced"].as_str().unwrap());
    assert!(aside.join(DATABASE).exists() && aside.join(CONTENT).exists(), "nothing is deleted");
    assert_eq!(fs::read(here.config.data_dir.join("secret")).unwrap(), [7; 32]);
    assert_eq!(mode(&here.config.data_dir.join("secret")), 0o600);

    let there = Place::empty();
    there.restore(&backup, Present::Kept).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let opened = open::open(&there.config, &Machine::new()).await.unwrap();
        assert!(opened.store.last_seen().await.unwrap().restored);
        // Now it is in use, and in nobody's way.
        assert_eq!(there.restore(&backup, Present::Replaced).unwrap_err().fault, crate::admin::Fault::Temporary);
        opened.close().await;
    });
    assert_eq!(Manifest::read(&backup).unwrap().files.iter().filter_map(|file| Manifest::verify(&backup, file)).count(), 0);
}

#[test]
fn a_restore_that_was_cut_short_keeps_servers_away_and_is_repeated() {
    let here = Place::furnished();
    let backup = here.back_up();
    let there = Place::empty();
    // As far as the contents in place, and not the database.
    let data_dir = &there.config.data_dir;
    fs::create_dir_all(data_dir.join(open::RESTORING)).unwrap();
    fs::create_dir_all(data_dir.join("content/0001")).unwrap();
    fs::write(data_dir.join("content/0001/x"), "x").unwrap();
    let refused = client::carry_out(&there.config, &Request::Check, &mut io::sink()).err().unwrap();
    assert!(refused.message.contains("repeat `twoway restore`"), "{refused}");
    there.restore(&backup, Present::Kept).unwrap();
    assert_eq!(there.sizes(), [SMALL.len() as u64, 100_000]);
    there.check();
}

#[test]
fn a_damaged_backup_is_not_restored() {
    for damage in ["secret", "twoway.sqlite", "tls/key.pem"] {
        let here = Place::furnished();
        let backup = here.back_up();
        let mut octets = fs::read(backup.join(damage)).unwrap();
        *octets.last_mut().unwrap() ^= 1;
        fs::write(backup.join(damage), octets).unwrap();
        let refused = here.restore(&backup, Present::Replaced).unwrap_err();
        assert!(refused.message.contains(damage), "{refused}");
        assert_eq!(here.sizes(), [SMALL.len() as u64, 100_000], "nothing was touched");
    }
    let here = Place::furnished();
    let backup = here.back_up();
    let text = fs::read_to_string(backup.join(MANIFEST)).unwrap();
    fs::write(backup.join(MANIFEST), text.replace("\"secret\"", "\"../secret\"")).unwrap();
    assert!(here.restore(&backup, Present::Replaced).unwrap_err().message.contains("not below it"));
}
