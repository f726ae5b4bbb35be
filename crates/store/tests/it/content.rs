//! Content in pieces: over several connections, across a restart, and what is left behind.

use std::time::Duration;

use delivery::arrival::ArrivalEvent;
use delivery::consent::Screening;
use mail::digest::ContentDigest;
use store::content::{ContentReader, ContentWriter, PartialContent, Place, StoredContent, remove_staged};
use store::{Delivered, Store, StoreError};

use crate::fixture::{Engine, Fixture};

async fn read(store: &Store, content: &StoredContent) -> Vec<u8> {
    let mut reader = ContentReader::new(store, content, 0);
    let mut octets = Vec::new();
    loop {
        let piece = reader.next().await.unwrap();
        if piece.is_empty() {
            return octets;
        }
        octets.extend(piece);
    }
}

fn octets(count: u32) -> Vec<u8> {
    (0..count).map(|number| (number / 7).to_le_bytes()[0]).collect()
}

on_both_engines! {
    async fn retrieval_goes_on_where_it_was_after_a_restart(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let octets = octets(2_500_000);
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(&octets[..1_300_000]).await.unwrap();
        // A crash: what was not suspended is lost, but for whole steps.
        drop(partial);
        it.restart();
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        assert_eq!(partial.received_octets(), 1 << 20);
        partial.append(&octets[1 << 20..2_000_000]).await.unwrap();
        partial.suspend().await.unwrap();
        it.restart();
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        assert_eq!(partial.received_octets(), 2_000_000);
        partial.append(&octets[2_000_000..]).await.unwrap();
        let content = partial.finish().await.unwrap();
        assert_eq!((content.size_octets, content.digest), (2_500_000, ContentDigest::of(&octets)));
        assert_eq!(read(&it.store, &content).await, octets);
        let delivery = it.delivery(&key, content).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
        // The steps are of no use any more: the sweep takes them, and nothing else.
        it.wait(Duration::from_hours(1));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 2);
        let row = it.store.mail_list(carol).await.unwrap().remove(0);
        let mail = it.store.mail(carol, row.id).await.unwrap().unwrap();
        assert_eq!(read(&it.store, &mail.content).await, octets);
    }

    async fn small_content_over_two_connections_stands_in_the_row(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(b"hel").await.unwrap();
        partial.suspend().await.unwrap();
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(b"lo").await.unwrap();
        let content = partial.finish().await.unwrap();
        assert_eq!(content, crate::fixture::in_a_row(b"hello"));
        let delivery = it.delivery(&key, content).await;
        assert_eq!(it.store.deliver(delivery).await.unwrap(), Delivered::Stored);
    }

    async fn content_that_was_wrong_begins_anew(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(b"wrong").await.unwrap();
        partial.suspend().await.unwrap();
        PartialContent::open(&it.store, &key).await.unwrap().discard().await.unwrap();
        let partial = PartialContent::open(&it.store, &key).await.unwrap();
        assert_eq!(partial.received_octets(), 0);
        it.wait(Duration::from_hours(1));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1);
    }

    async fn parts_of_what_is_gone_are_not_kept(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let mut partial = PartialContent::open(&it.store, &key).await.unwrap();
        partial.append(b"some").await.unwrap();
        partial.suspend().await.unwrap();
        let mut late = PartialContent::open(&it.store, &key).await.unwrap();
        it.store.settle_arrival(it.settle_arrival(&key, ArrivalEvent::Vanished)).await.unwrap();
        late.append(b"more").await.unwrap();
        assert!(late.suspend().await.is_err());
        it.wait(Duration::from_hours(1));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 2);
    }

    async fn content_that_was_swept_is_not_adopted(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        let key = it.arrival(carol, "alice@a.test", "carol@b.test").await.key;
        let mut writer = ContentWriter::new(&it.store, carol);
        writer.write(&octets(50_000)).await.unwrap();
        let content = writer.finish().await.unwrap();
        it.wait(Duration::from_hours(48));
        assert_eq!(it.store.sweep_orphans(it.now()).await.unwrap(), 1);
        let delivery = it.delivery(&key, content).await;
        assert!(it.store.deliver(delivery).await.is_err());
        assert!(it.store.mail_list(carol).await.unwrap().is_empty());
    }

    async fn a_writer_keeps_small_content_in_memory_and_large_in_an_object(it: &mut Fixture) {
        let carol = it.account("carol@b.test", Screening::Off).await;
        for (count, in_a_row) in [(0, true), (32 * 1024, true), (32 * 1024 + 1, false), (3 << 20, false)] {
            let octets = octets(count);
            let mut writer = ContentWriter::new(&it.store, carol);
            for piece in octets.chunks(65_537) {
                writer.write(piece).await.unwrap();
            }
            let content = writer.finish().await.unwrap();
            assert_eq!(matches!(content.place, Place::Row(_)), in_a_row, "{count}");
            assert_eq!(content.digest, ContentDigest::of(&octets));
            assert_eq!(read(&it.store, &content).await, octets);
        }
    }
}

#[tokio::test]
async fn an_object_that_lost_its_end_is_damaged_and_not_away() {
    let directory = tempfile::tempdir().unwrap();
    let objects = object_store::local::LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    let mut it = Fixture::new(Engine::Sqlite);
    it.surroundings.objects = std::sync::Arc::new(objects);
    it.restart();
    let carol = it.account("carol@b.test", Screening::Off).await;
    let mut writer = ContentWriter::new(&it.store, carol);
    writer.write(&octets(600_000)).await.unwrap();
    let content = writer.finish().await.unwrap();
    let Place::Object(name) = &content.place else { panic!("{content:?}") };
    let file = std::fs::OpenOptions::new().write(true).open(directory.path().join(name)).unwrap();
    for left in [590_000, 300_000, 0] {
        file.set_len(left).unwrap();
        let failed = ContentReader::new(&it.store, &content, 0).each(|_piece| ()).await.unwrap_err();
        assert!(matches!(&failed, StoreError::Damaged(_)), "{left}: {failed}");
    }
    it.stop();
}

#[test]
fn uploads_that_a_crash_cut_short_are_removed_from_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("0001")).unwrap();
    for name in ["0001/whole", "0001/begun#1", "0001/begun#22", "0001/odd#x"] {
        std::fs::write(directory.path().join(name), b"x").unwrap();
    }
    assert_eq!(remove_staged(directory.path()).unwrap(), 2);
    assert!(directory.path().join("0001/whole").exists());
    assert!(directory.path().join("0001/odd#x").exists());
    assert!(!directory.path().join("0001/begun#1").exists());
}
