//! Objects on the disk.

use faultdisk::objects::{Objects, Syncs};
use faultdisk::{Disk, Sector};
use futures_util::{FutureExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

const OCTETS: usize = 40_000;

/// Nothing here waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn content(number: u8) -> Vec<u8> {
    vec![number; OCTETS]
}

fn put(objects: &Objects, number: u8) -> object_store::Result<()> {
    let path = Path::from(format!("{:04}/{number}", number % 3));
    if number.is_multiple_of(2) {
        return now(objects.put(&path, content(number).into())).map(drop);
    }
    let mut upload = now(objects.put_multipart(&path))?;
    for part in content(number).chunks(15_000) {
        now(upload.put_part(PutPayload::from(part.to_vec())))?;
    }
    now(upload.complete()).map(drop)
}

/// How many of the objects that were answered for are not what they were, after so many cuts.
fn losses(syncs: Syncs, cuts: u64) -> usize {
    let mut losses = 0;
    for cut in 0..cuts {
        let disk = Disk::new(Sector::Octets4096, cut);
        let objects = Objects::new(&disk, "content", syncs);
        disk.cut_at(1 + cut * 7 % 70);
        let answered: Vec<u8> = (0..20).filter(|number| put(&objects, *number).is_ok()).collect();
        disk.power_cut(cut).unwrap();
        objects.remove_staged().unwrap();
        let is_there = |number: &u8| {
            let found = now(async { objects.get(&Path::from(format!("{:04}/{number}", number % 3))).await?.bytes().await });
            found.is_ok_and(|found| found == content(*number))
        };
        losses += answered.iter().filter(|number| !is_there(number)).count();
    }
    losses
}

#[test]
fn what_was_synced_is_there_after_every_cut() {
    assert_eq!(losses(Syncs::All, 200), 0);
}

#[test]
fn what_was_not_is_missed_within_ten_cuts() {
    assert!(losses(Syncs::None, 10) > 0);
    assert!(losses(Syncs::Names, 10) > 0);
    assert!(losses(Syncs::Files, 10) > 0);
}

#[test]
fn objects_are_listed_copied_read_in_part_and_deleted() {
    let disk = Disk::new(Sector::Octets512, 1);
    let objects = Objects::new(&disk, "content", Syncs::All);
    put(&objects, 1).unwrap();
    put(&objects, 2).unwrap();
    now(objects.copy(&Path::from("0001/1"), &Path::from("0002/3"))).unwrap();
    let listed: Vec<_> = now(objects.list(None).map_ok(|meta| (meta.location.to_string(), meta.size)).try_collect()).unwrap();
    assert_eq!(listed, [("0001/1".to_owned(), 40_000), ("0002/2".to_owned(), 40_000), ("0002/3".to_owned(), 40_000)]);
    assert_eq!(now(objects.get_range(&Path::from("0002/3"), 39_999..40_000)).unwrap(), vec![1]);
    now(objects.delete(&Path::from("0001/1"))).unwrap();
    assert!(now(objects.head(&Path::from("0001/1"))).is_err());
    disk.power_cut(1).unwrap();
    assert_eq!(now(objects.head(&Path::from("0002/3"))).unwrap().size, 40_000);
}

#[test]
fn an_upload_that_is_given_up_leaves_nothing() {
    let disk = Disk::new(Sector::Octets512, 1);
    let objects = Objects::new(&disk, "content", Syncs::All);
    let mut upload = now(objects.put_multipart(&Path::from("0001/1"))).unwrap();
    now(upload.put_part(PutPayload::from(content(1)))).unwrap();
    drop(upload);
    assert_eq!(disk.used_octets(), 0);
    disk.set_capacity(Some(30_000));
    put(&objects, 1).unwrap_err();
    put(&objects, 2).unwrap_err();
    assert_eq!(disk.used_octets(), 0);
}
