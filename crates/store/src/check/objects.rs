//! Objects: each that a row names is there, and each that is there is named.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt as _;
use mail::digest::{ContentDigest, Digester};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use crate::backend::{Sql, Tx};
use crate::content::{ContentReader, Place, StoredContent};
use crate::{Result, Store, StoreError, params, statements};

statements! {
    NAMED = "SELECT object, size_octets, digest FROM message WHERE object IS NOT NULL \
             UNION ALL SELECT object, size_octets, digest FROM mail WHERE object IS NOT NULL \
             UNION ALL SELECT object, size_octets, digest FROM kept WHERE object IS NOT NULL";
    PARTIAL = "SELECT object, size_octets FROM partial";
    ORPHANS = "SELECT object FROM orphan";
}

/// For backups: objects that rows name, and those that hold parts of a content.
pub(crate) const OBJECTS_NAMED: [Sql; 2] = [NAMED, PARTIAL];

/// How closely to look at large contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// They are there, and as large as they were.
    Size,
    /// And hold the same octets: reads everything.
    Digest,
}

/// What rows say of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Expected {
    size_octets: u64,
    /// Parts of a content have none.
    digest: Option<ContentDigest>,
}

/// Objects that rows name, and those that they only know of.
#[derive(Debug, Default)]
struct Names {
    named: BTreeMap<String, Expected>,
    orphans: BTreeSet<String>,
}

/// How the sentence of an object begins that no row names.
const STRAY: &str = "an object is there, and nobody knows of it: ";

/// The object that this violation is about, if it is one that no row names.
pub fn stray(violation: &str) -> Option<&str> {
    violation.strip_prefix(STRAY)
}

impl Store {
    pub(super) async fn check_objects(&self, depth: Depth) -> Result<Vec<String>> {
        // In this order: what is written while we look is noted before it is there.
        let listed = self.objects().list(None).map_ok(|object| object.location.to_string());
        let there: BTreeSet<String> = listed.try_collect().await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let names = self.read_whole(read_names).await?;
        let mut violations = Vec::new();
        for (object, expected) in &names.named {
            if let Some(wrong) = self.look_at(object, expected, depth).await? {
                violations.push((object.clone(), wrong));
            }
        }
        for object in there.iter().filter(|object| !names.named.contains_key(*object) && !names.orphans.contains(*object)) {
            if self.objects().head(&Path::from(object.as_str())).await.is_ok() {
                violations.push((object.clone(), "is there, and nobody knows of it"));
            }
        }
        if violations.is_empty() {
            return Ok(Vec::new());
        }
        // What was freed or swept while we looked is no violation.
        let again = self.read_whole(read_names).await?;
        violations.retain(|(object, _wrong)| again.named.get(object) == names.named.get(object));
        Ok(violations.into_iter().map(|(object, wrong)| format!("an object {wrong}: {object}")).collect())
    }

    async fn look_at(&self, object: &str, expected: &Expected, depth: Depth) -> Result<Option<&'static str>> {
        let size_octets = match self.objects().head(&Path::from(object)).await {
            Ok(found) => found.size,
            Err(object_store::Error::NotFound { .. }) => return Ok(Some("is named by a row, and is not there")),
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        };
        if size_octets != expected.size_octets {
            return Ok(Some("is not of the size it had"));
        }
        match expected.digest {
            Some(digest) if depth == Depth::Digest => {
                let content = StoredContent { size_octets, digest, place: Place::Object(object.to_owned()) };
                let found = self.digest_of(&content).await?;
                Ok((found != digest).then_some("is not what was stored"))
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn digest_of(&self, content: &StoredContent) -> Result<ContentDigest> {
        let mut digester = Digester::new();
        ContentReader::new(self, content, 0).each(|piece| digester.update(piece)).await?;
        Ok(digester.finish())
    }
}

fn read_names(tx: &mut dyn Tx) -> Result<Names> {
    let mut names = Names::default();
    for mut row in tx.query(NAMED, params![])? {
        let (object, size_octets) = (row.text()?, row.count()?);
        let digest = row.blob()?.try_into().map_err(|_length| StoreError::Damaged("a digest of another length".to_owned()))?;
        names.named.insert(object, Expected { size_octets, digest: Some(ContentDigest::from_bytes(digest)) });
    }
    for mut row in tx.query(PARTIAL, params![])? {
        names.named.insert(row.text()?, Expected { size_octets: row.count()?, digest: None });
    }
    for mut row in tx.query(ORPHANS, params![])? {
        names.orphans.insert(row.text()?);
    }
    Ok(names)
}
