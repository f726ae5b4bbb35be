//! The demo's users and their passwords: made at the first start, kept with everything else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use delivery::consent::Screening;
use mail::address::Mailbox;

use crate::demo::DemoError;
use crate::world::World;

/// Their file, in the demo's folder. There from the first start on.
pub const FILE: &str = "passwords.json";

/// Somebody with a mailbox.
#[derive(Debug, Clone)]
pub struct Account {
    /// Their address.
    pub address: Mailbox,
    /// Their password.
    pub password: String,
    /// How they began.
    pub screening: Screening,
}

/// Passwords by address.
pub struct Passwords(Mutex<BTreeMap<String, String>>);

impl Passwords {
    /// Those of an earlier start, if there was one.
    ///
    /// # Errors
    /// The file is there and can't be read.
    pub fn load(folder: &Path) -> Result<Self, DemoError> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(Self(Mutex::default()));
        }
        let text = fs::read_to_string(&file).map_err(|error| DemoError::file(&file, &error))?;
        serde_json::from_str(&text).map(|known| Self(Mutex::new(known))).map_err(|error| DemoError::file(&file, &error))
    }

    /// The password of an address; a new one, if it has none.
    pub fn of(&self, address: &str, world: &dyn World) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || data_encoding::BASE32_NOPAD.encode(&world.random::<10>()).to_ascii_lowercase();
        known.entry(address.to_owned()).or_insert_with(fresh).clone()
    }

    /// Writes them down.
    ///
    /// # Errors
    /// They can't be written.
    pub fn save(&self, folder: &Path) -> Result<(), DemoError> {
        let file = folder.join(FILE);
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_string_pretty(&*known).map_err(|error| DemoError::file(&file, &error))?;
        fs::write(&file, text).map_err(|error| DemoError::file(&file, &error))
    }
}
