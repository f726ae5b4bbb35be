//! UIDBATCHES: the UIDs of a mailbox in batches of so many messages, from the highest down (RFC 10022).

use std::num::NonZeroU32;

use proto::imap::command::uid_batches::UidBatches;
use proto::imap::limits::{UID_BATCH_MESSAGES_MIN, UID_BATCHES_MESSAGES_MAX};
use proto::imap::response::code::CodeWord;
use proto::imap::response::uid_batches::{Batch, Batches};
use proto::imap::response::{Condition, Data, Status};

use super::talk::{Talk, Trouble, ok};

/// Tells the batches that were asked for.
pub(super) async fn tell(talk: &mut Talk, command: UidBatches) -> Result<Status, Trouble> {
    let tag = talk.conversation.session.tag().cloned();
    let view = &talk.selected()?.view;
    let messages = u64::try_from(view.present().count()).unwrap_or(u64::MAX);
    let size = u64::from(command.size.get());
    // Beyond the last batch there is nothing, however few a batch would have.
    let is_beyond = command.which.is_some_and(|which| u64::from(which.first().get()) > messages.div_ceil(size));
    let batches = if is_beyond {
        Vec::new()
    } else {
        // RFC 10022 section 3.1.3: the smallest batch that a server has to know.
        if command.size.get() < UID_BATCH_MESSAGES_MIN {
            let text = format!("a batch has at least {UID_BATCH_MESSAGES_MIN} messages");
            return Err(Status::new(Condition::No, text).with(CodeWord::TooFew).into());
        }
        let asked = command.which.map_or(messages, |which| which.count().saturating_mul(size));
        if asked > UID_BATCHES_MESSAGES_MAX {
            let text = format!("batches of {UID_BATCHES_MESSAGES_MAX} messages in all are told at once: ask for some of them");
            return Err(Status::new(Condition::No, text).with(CodeWord::TooMany).into());
        }
        chosen(view.present().rev(), command)
    };
    talk.tell(&Data::UidBatches(Batches { tag, batches })).await?;
    Ok(ok("these are the batches"))
}

/// Those of the batches of these UIDs, which come from the highest down, that were asked for.
///
/// Together they leave no UID out: each reaches down to the one behind it, and the last to 1.
fn chosen(uids: impl Iterator<Item = NonZeroU32>, command: UidBatches) -> Vec<Batch> {
    let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (skipped, taken) = command.which.map_or((0, usize::MAX), |which| (at(u64::from(which.first().get()) - 1), at(which.count())));
    let mut highest = uids.step_by(at(u64::from(command.size.get()))).skip(skipped).peekable();
    let mut batches = Vec::new();
    while let Some(first) = highest.next().filter(|_| batches.len() < taken) {
        let lowest = highest.peek().map_or(NonZeroU32::MIN, |next| next.saturating_add(1));
        batches.push(Batch { highest: first, lowest });
    }
    batches
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proto::imap::command::uid_batches::BatchRange;

    use super::*;

    fn n(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    proptest! {
        #[test]
        fn every_message_is_in_one_batch_and_all_batches_but_the_last_are_full(
            uids in proptest::collection::btree_set(1_u32..200, 0..60),
            size in 1_u32..20,
            (first, more) in (1_u32..9, 0_u32..9),
        ) {
            let down = || uids.iter().rev().map(|uid| n(*uid));
            let all = chosen(down(), UidBatches { size: n(size), which: None });
            let inside = |batch: &Batch| uids.range(batch.lowest.get()..=batch.highest.get()).copied().collect::<BTreeSet<u32>>();
            let held: Vec<BTreeSet<u32>> = all.iter().map(inside).collect();
            prop_assert_eq!(held.iter().map(BTreeSet::len).sum::<usize>(), uids.len(), "a message twice, or in none");
            prop_assert_eq!(held.iter().flatten().copied().collect::<BTreeSet<u32>>(), uids.clone());
            if let Some((last, full)) = held.split_last() {
                prop_assert!(full.iter().all(|batch| batch.len() == size as usize), "{:?}", held);
                prop_assert!((1..=size as usize).contains(&last.len()));
            }
            // From the highest UID to 1, without a gap.
            prop_assert_eq!(all.first().map(|batch| batch.highest.get()), uids.last().copied());
            prop_assert!(all.windows(2).all(|two| two[0].lowest.get() == two[1].highest.get() + 1));
            prop_assert!(all.last().is_none_or(|batch| batch.lowest.get() == 1));
            // Some of them are the same as among all.
            let some = chosen(down(), UidBatches { size: n(size), which: BatchRange::new(n(first), n(first + more)) });
            let from = all.len().min(first as usize - 1);
            prop_assert_eq!(&some[..], &all[from..all.len().min((first + more) as usize)]);
        }
    }
}
