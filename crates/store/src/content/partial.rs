//! Content that comes in over several connections: what came is durable in steps, and found again after a restart.

use mail::digest::{ContentDigest, Digester};
use mail::id::Partition;

use super::{INLINE_OCTETS_MAX, ObjectWriter, PART_OCTETS, Place, StoredContent};
use crate::backend::Tx;
use crate::{ArrivalKey, Result, Store, StoreError, arrival_row, orphans, params, statements};

statements! {
    PARTS = "SELECT object, size_octets FROM partial WHERE part = ?1 AND account = ?2 AND origin = ?3 AND id = ?4 AND recipient_key = ?5 \
             ORDER BY seq";
    ADD = "INSERT INTO partial (part, account, origin, id, recipient_key, seq, object, size_octets) \
           SELECT CAST(?1 AS BIGINT), ?2, ?3, ?4, ?5, CAST(?6 AS BIGINT), ?7, CAST(?8 AS BIGINT) FROM arrival WHERE part = ?1 AND account = ?2 AND origin = ?3 \
           AND id = ?4 AND recipient_key = ?5 AND stage = 'due' ON CONFLICT (part, account, origin, id, recipient_key, seq) DO NOTHING";
}

/// Content that comes in over several connections, and survives a restart in between.
pub struct PartialContent {
    store: Store,
    key: ArrivalKey,
    /// Durable, in order.
    objects: Vec<String>,
    /// Not yet.
    buffer: Vec<u8>,
    received_octets: u64,
    digester: Digester,
}

impl PartialContent {
    /// What of this arrival's content is here already: reads it back to go on with the digest. What can't be read back is
    /// retrieved again.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn open(store: &Store, key: &ArrivalKey) -> Result<Self> {
        match Self::read_back(store, key).await {
            Err(StoreError::Damaged(reason)) => {
                tracing::error!(reason, id = %key.id, "a part of a message is damaged, and retrieved again");
                Self::nothing(store, key).discard().await?;
                Ok(Self::nothing(store, key))
            }
            other => other,
        }
    }

    fn nothing(store: &Store, key: &ArrivalKey) -> Self {
        let (objects, buffer, digester) = (Vec::new(), Vec::new(), Digester::new());
        Self { store: store.clone(), key: key.clone(), objects, buffer, received_octets: 0, digester }
    }

    async fn read_back(store: &Store, key: &ArrivalKey) -> Result<Self> {
        let owned = key.clone();
        let parts = store.read(move |tx| parts(tx, &owned)).await?;
        let mut digester = Digester::new();
        let mut received_octets = 0;
        let mut objects = Vec::with_capacity(parts.len());
        for (object, size_octets) in parts {
            let octets = store.read_object(&object).await?;
            if octets.len() as u64 != size_octets {
                return Err(StoreError::Damaged(format!("the object {object} is not of the size it had")));
            }
            digester.update(&octets);
            received_octets += size_octets;
            objects.push(object);
        }
        Ok(Self { store: store.clone(), key: key.clone(), objects, buffer: Vec::new(), received_octets, digester })
    }

    /// How many octets are here: the OFFSET to ask for.
    pub fn received_octets(&self) -> u64 {
        self.received_octets
    }

    /// The digest of the octets that are here.
    pub fn digest(&self) -> ContentDigest {
        self.digester.clone().finish()
    }

    /// Takes in the next octets; durable in steps of at most 1 MiB.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn append(&mut self, mut octets: &[u8]) -> Result<()> {
        while !octets.is_empty() {
            let (now, later) = octets.split_at(octets.len().min(PART_OCTETS - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            self.digester.update(now);
            self.received_octets += now.len() as u64;
            octets = later;
            if self.buffer.len() == PART_OCTETS {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// The connection broke: what came is made durable.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn suspend(mut self) -> Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.flush().await }
    }

    /// All is here. The steps stay until the arrival is not due any more.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn finish(self) -> Result<StoredContent> {
        let (size_octets, part) = (self.received_octets, Partition::of(self.key.account));
        let place = if size_octets <= INLINE_OCTETS_MAX {
            Place::Row(self.gather().await?)
        } else if self.objects.is_empty() {
            Place::Object(self.store.put_object(part, self.buffer).await?)
        } else {
            Place::Object(self.concatenate(part).await?)
        };
        Ok(StoredContent { size_octets, digest: self.digester.finish(), place })
    }

    /// It was not what the origin said it was: begin anew.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn discard(self) -> Result<()> {
        let (key, now) = (self.key, self.store.now());
        let part = Partition::of(key.account);
        self.store.write(part, 0, move |tx| arrival_row::drop_partials(tx, &key, now)).await
    }

    async fn gather(&self) -> Result<Vec<u8>> {
        let mut octets = Vec::new();
        for object in &self.objects {
            octets.extend(self.store.read_object(object).await?);
        }
        octets.extend_from_slice(&self.buffer);
        Ok(octets)
    }

    async fn concatenate(&self, part: Partition) -> Result<String> {
        let mut whole = ObjectWriter::begin(&self.store, part).await?;
        for object in &self.objects {
            whole.write(&self.store.read_object(object).await?).await?;
        }
        whole.write(&self.buffer).await?;
        whole.finish().await
    }

    async fn flush(&mut self) -> Result<()> {
        let octets = std::mem::take(&mut self.buffer);
        let (part, size_octets) = (Partition::of(self.key.account), octets.len());
        let object = self.store.put_object(part, octets).await?;
        let (key, name, seq) = (self.key.clone(), object.clone(), self.objects.len());
        self.store.write(part, 0, move |tx| add(tx, &key, seq, &name, size_octets)).await?;
        self.objects.push(object);
        Ok(())
    }
}

fn parts(tx: &mut dyn Tx, key: &ArrivalKey) -> Result<Vec<(String, u64)>> {
    let ArrivalKey { account, origin, id, recipient } = key;
    let rows = tx.query(PARTS, params![Partition::of(*account), *account, origin, id, recipient])?;
    rows.into_iter().map(|mut row| Ok((row.text()?, row.count()?))).collect()
}

fn add(tx: &mut dyn Tx, key: &ArrivalKey, seq: usize, object: &str, size_octets: usize) -> Result<()> {
    let ArrivalKey { account, origin, id, recipient } = key;
    let part = Partition::of(*account);
    if tx.execute(ADD, params![part, *account, origin, id, recipient, seq, object, size_octets])? == 0 {
        return Err(StoreError::Unavailable("its arrival is not due any more, or somebody else retrieves it".to_owned()));
    }
    orphans::adopt(tx, part, object)
}
