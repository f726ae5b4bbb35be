//! A client that believes what it is told, beside the view that tells it.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::imap::mailbox_name::NameForm;

fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn flags(words: &[&str]) -> Arc<BTreeSet<Flag>> {
    Arc::new(words.iter().map(|word| Flag::parse(word).unwrap()).collect())
}

fn message(uid: u32, modseq: u64, words: &[&str]) -> Message {
    Message { uid: nonzero(uid), modseq, flags: flags(words) }
}

fn numbers(uids: &[u32]) -> Numbers {
    uids.iter().copied().map(nonzero).collect()
}

fn changes(changed: &[Message], vanished: &[u32], modseq: u64) -> Changes {
    Changes { changed: changed.to_vec(), vanished: numbers(vanished), modseq }
}

fn view(uids: &[u32]) -> View {
    let mut contents = Contents::default();
    contents.apply(changes(&uids.iter().map(|uid| message(*uid, 1, &[])).collect::<Vec<_>>(), &[], 1));
    View::new(contents)
}

fn written(told: Vec<Told>, enabled: &[Extension]) -> String {
    let data = Told::responses(told, |extension| enabled.contains(&extension));
    data.iter().map(|data| String::from_utf8(data.encode(NameForm::Utf8)).unwrap().replace("\r\n", "\n")).collect()
}

#[test]
fn what_happened_is_told_in_the_order_that_keeps_numbers_right() {
    let mut view = view(&[3, 5, 9, 12]);
    let happened = changes(&[message(9, 4, &["\\Seen", "$Work"]), message(13, 3, &[]), message(14, 5, &[])], &[3, 12, 13, 99], 6);
    let told = view.learn(happened, Renumbering::May, FlagChanges::Now);
    let expected = "* 4 EXPUNGE\n* 1 EXPUNGE\n* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\n* 3 EXISTS\n* 2 FETCH (FLAGS (\\Seen $Work))\n";
    assert_eq!(written(told, &[]), expected);
    assert_eq!((view.count(), view.modseq(), view.uid_of(3), view.number_of(9)), (3, 6, Some(14), Some(nonzero(2))));
}

#[test]
fn each_client_is_told_in_the_words_it_asked_for() {
    for (enabled, expected) in [
        (&[Extension::CondStore][..], "* 2 EXPUNGE\n* 2 FETCH (FLAGS (\\Seen) MODSEQ (7))\n"),
        (&[Extension::CondStore, Extension::Qresync], "* VANISHED 5\n* 2 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (7))\n"),
        (&[Extension::Rev2], "* 2 EXPUNGE\n* 2 FETCH (UID 9 FLAGS (\\Seen))\n"),
        (&[Extension::UidOnly], "* VANISHED 5\n* 9 UIDFETCH (FLAGS (\\Seen))\n"),
    ] {
        let mut view = view(&[3, 5, 9]);
        let told = view.learn(changes(&[message(9, 7, &["\\Seen"])], &[5], 7), Renumbering::May, FlagChanges::Now);
        assert_eq!(written(told, enabled), expected);
    }
}

#[test]
fn the_end_of_a_message_waits_until_numbers_may_change() {
    let mut view = view(&[3, 5, 9]);
    let told = view.learn(changes(&[message(9, 4, &["\\Seen"]), message(10, 5, &[])], &[5], 6), Renumbering::MayNot, FlagChanges::Now);
    assert_eq!(written(told, &[]), "* 4 EXISTS\n* 3 FETCH (FLAGS (\\Seen))\n");
    assert!(view.is_gone(5) && view.number_of(9) == Some(nonzero(3)));
    assert_eq!(written(view.learn(changes(&[], &[], 6), Renumbering::May, FlagChanges::Now), &[]), "* 2 EXPUNGE\n");
    assert!(
        !view.is_gone(5) && view.number_of(9) == Some(nonzero(2)) && view.tell_what_waits(Renumbering::May, FlagChanges::Now).is_empty()
    );
}

#[test]
fn who_comes_back_goes_on_before_the_end_of_a_message_that_was_not_told() {
    let mut view = view(&[3, 5, 9]);
    view.learn(changes(&[message(9, 2, &["\\Seen"])], &[], 2), Renumbering::MayNot, FlagChanges::Now);
    assert_eq!(view.told_to(), 2);
    view.learn(changes(&[message(9, 4, &[])], &[5], 4), Renumbering::MayNot, FlagChanges::Now);
    view.note(message(9, 5, &["\\Seen"]));
    view.note_end_of(5);
    assert_eq!((view.told_to(), view.modseq()), (2, 5));
    view.learn(changes(&[], &[3], 6), Renumbering::MayNot, FlagChanges::Now);
    assert_eq!(view.told_to(), 2, "the first counts");
    view.tell_what_waits(Renumbering::May, FlagChanges::Now);
    assert_eq!(view.told_to(), 6);
}

#[test]
fn who_comes_back_is_told_what_is_gone_and_not_what_goes_meanwhile() {
    let view = view(&[3, 5, 9]);
    let (vanished, known) = (numbers(&[2, 5, 6, 12]), numbers(&[1, 2, 3, 4, 5]));
    for (vanished, known, expected) in [
        // 5 went after the mailbox was opened; it is told by a VANISHED of its own.
        (Some(&vanished), None, "2,6,12"),
        (Some(&vanished), Some(&known), "2"),
        (None, None, "1:2,4,6:8,10:12"),
        (None, Some(&known), "1:2,4"),
        (Some(&Numbers::default()), None, ""),
    ] {
        assert_eq!(view.gone_before(vanished, known, 13).to_string(), expected, "{vanished:?} of {known:?}");
    }
}

#[test]
fn flags_that_nobody_asked_to_hear_of_at_once_are_told_with_the_next_command() {
    let mut view = view(&[3, 5]);
    assert_eq!(view.learn(changes(&[message(5, 2, &["$Work"])], &[], 2), Renumbering::May, FlagChanges::Later), []);
    assert_eq!(view.told_to(), 1);
    assert_eq!(view.learn(changes(&[message(3, 3, &["\\Seen"])], &[], 3), Renumbering::May, FlagChanges::Later), []);
    let told = view.tell_what_waits(Renumbering::May, FlagChanges::Now);
    let expected = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)\n* 1 FETCH (FLAGS (\\Seen))\n* 2 FETCH (FLAGS ($Work))\n";
    assert_eq!(written(told, &[]), expected);
    assert_eq!(view.told_to(), 3);
}

#[test]
fn what_the_client_was_told_by_its_own_command_is_not_told_again() {
    let mut view = view(&[3]);
    view.note(message(3, 4, &["\\Seen"]));
    assert_eq!(view.learn(changes(&[message(3, 4, &["\\Seen"])], &[], 4), Renumbering::May, FlagChanges::Now), []);
    let told = view.learn(changes(&[message(3, 5, &[])], &[], 5), Renumbering::May, FlagChanges::Now);
    assert_eq!(written(told, &[]), "* 1 FETCH (FLAGS ())\n", "somebody else changed it since");
}

#[test]
fn a_change_that_was_noted_need_not_be_asked_for_unless_others_came_before_it() {
    let mut view = view(&[3, 5]);
    view.note(message(3, 3, &["\\Seen"]));
    view.note_end_of(3);
    assert_eq!(view.modseq(), 1, "there is a second change");
    view.learn(changes(&[message(5, 2, &["\\Seen"]), message(3, 3, &["\\Seen"])], &[], 3), Renumbering::May, FlagChanges::Now);
    view.note(message(5, 4, &[]));
    view.note_end_of(4);
    assert_eq!(view.modseq(), 4);
}

#[test]
fn numbers_mean_the_messages_that_the_client_counts() {
    let view = view(&[3, 5, 9]);
    for (text, numbering, expected) in [
        ("1:*", Numbering::Sequence, Ok(vec![3, 5, 9])),
        ("2", Numbering::Sequence, Ok(vec![5])),
        ("*", Numbering::Sequence, Ok(vec![9])),
        ("2:3,1", Numbering::Sequence, Ok(vec![3, 5, 9])),
        ("3:4", Numbering::Sequence, Err(NoSuchNumber { number: 4, count: 3 })),
        ("1:*", Numbering::Uid, Ok(vec![3, 5, 9])),
        ("4:8", Numbering::Uid, Ok(vec![5])),
        ("*", Numbering::Uid, Ok(vec![9])),
        ("100:*", Numbering::Uid, Ok(vec![9])),
        ("1,2,4,4294967295", Numbering::Uid, Ok(vec![])),
    ] {
        let set = Messages::Set(crate::imap::sequence_set::SequenceSet::parse(text).unwrap());
        assert_eq!(view.resolve(&set, numbering, &[]), expected, "{text}");
    }
    assert_eq!(view.resolve(&Messages::Saved, Numbering::Sequence, &[4, 9]), Ok(vec![9]));
    let empty = View::default();
    let all = Messages::Set(crate::imap::sequence_set::SequenceSet::all());
    assert_eq!(empty.resolve(&all, Numbering::Sequence, &[]), Ok(vec![]));
}

/// A client that knows what it was told, and nothing else.
#[derive(Default)]
struct Client {
    /// In the order of their numbers; none: the client has not asked for it.
    messages: Vec<Option<(u32, Arc<BTreeSet<Flag>>)>>,
}

impl Client {
    fn hear(&mut self, told: &[Told], view: &View) {
        for one in told {
            match one {
                Told::Expunged(number, uid) => {
                    let gone = self.messages.remove(number.get() as usize - 1);
                    assert!(gone.is_none_or(|(known, _)| known == uid.get()));
                }
                Told::Flags(_) | Told::Recent(_) => {}
                Told::Exists(count, new) => {
                    assert_eq!(new.count(), u64::from(*count) - self.messages.len() as u64);
                    self.messages.resize(*count as usize, None);
                }
                Told::Changed(number, message) => {
                    let known = &mut self.messages[number.get() as usize - 1];
                    assert!(known.as_ref().is_none_or(|(uid, _)| *uid == message.uid.get()));
                    *known = Some((message.uid.get(), Arc::clone(&message.flags)));
                }
            }
        }
        // It asks for what it does not know.
        for (number, known) in (1..).zip(&mut self.messages) {
            let message = view.contents().at(number).unwrap();
            match known {
                Some((uid, _)) => assert_eq!(*uid, message.uid.get()),
                None => *known = Some((message.uid.get(), Arc::clone(&message.flags))),
            }
        }
    }
}

/// What may happen to a mailbox.
#[derive(Debug, Clone)]
enum Happening {
    Append(u8),
    Flag(usize, u8),
    Expunge(Vec<usize>),
    /// The client sets flags itself, and is told in its answer.
    Own(usize, u8),
    /// Whether numbers may change, and flags be told.
    Tell(bool, bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => (1_u8..5).prop_map(Happening::Append),
        2 => (0_usize..50, 0_u8..8).prop_map(|(which, flags)| Happening::Flag(which, flags)),
        1 => proptest::collection::vec(0_usize..50, 1..6).prop_map(Happening::Expunge),
        1 => (0_usize..50, 0_u8..8).prop_map(|(which, flags)| Happening::Own(which, flags)),
        3 => any::<(bool, bool)>().prop_map(|(may, flags)| Happening::Tell(may, flags)),
    ]
}

fn some_flags(bits: u8) -> Arc<BTreeSet<Flag>> {
    let words = ["\\Seen", "\\Flagged", "$Work"].into_iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    flags(&words.map(|(_, word)| word).collect::<Vec<_>>())
}

/// A mailbox, with its history.
#[derive(Default)]
struct Mailbox {
    messages: BTreeMap<u32, Message>,
    gone: BTreeMap<u32, u64>,
    uid: u32,
    modseq: u64,
}

impl Mailbox {
    fn nth(&self, which: usize) -> Option<u32> {
        self.messages.keys().nth(which % self.messages.len().max(1)).copied()
    }

    fn set(&mut self, uid: u32, bits: u8) {
        self.modseq += 1;
        self.messages.insert(uid, Message { uid: nonzero(uid), modseq: self.modseq, flags: some_flags(bits) });
    }

    fn since(&self, modseq: u64) -> Changes {
        let changed = self.messages.values().filter(|message| message.modseq > modseq).cloned().collect();
        let vanished = self.gone.iter().filter(|(_, at)| **at > modseq).map(|(uid, _)| nonzero(*uid)).collect();
        Changes { changed, vanished, modseq: self.modseq }
    }
}

proptest! {
    #[test]
    fn a_client_that_believes_what_it_is_told_always_agrees(happenings in proptest::collection::vec(happening(), 0..80)) {
        let (mut mailbox, mut view, mut client) = (Mailbox::default(), View::default(), Client::default());
        for happening in happenings {
            match happening {
                Happening::Append(count) => (0..count).for_each(|_| {
                    mailbox.uid += 1;
                    mailbox.set(mailbox.uid, count);
                }),
                Happening::Flag(which, bits) => {
                    if let Some(uid) = mailbox.nth(which) {
                        mailbox.set(uid, bits);
                    }
                }
                Happening::Expunge(which) => {
                    mailbox.modseq += 1;
                    for which in which {
                        if let Some(uid) = mailbox.nth(which) {
                            mailbox.messages.remove(&uid);
                            mailbox.gone.insert(uid, mailbox.modseq);
                        }
                    }
                }
                Happening::Own(which, bits) => {
                    let own = mailbox.nth(which).filter(|uid| view.message(*uid).is_some());
                    if let Some(uid) = own {
                        mailbox.set(uid, bits);
                        view.note(mailbox.messages[&uid].clone());
                        view.note_end_of(mailbox.modseq);
                        let number = view.number_of(uid).unwrap();
                        client.messages[number.get() as usize - 1] = Some((uid, some_flags(bits)));
                    }
                }
                Happening::Tell(may, tells_flags) => {
                    let flags = if tells_flags { FlagChanges::Now } else { FlagChanges::Later };
                    let renumbering = if may { Renumbering::May } else { Renumbering::MayNot };
                    let before = view.count();
                    let told = view.learn(mailbox.since(view.modseq()), renumbering, flags);
                    prop_assert!(may || view.count() >= before && !told.iter().any(|one| matches!(one, Told::Expunged(..))));
                    prop_assert!(tells_flags || !told.iter().any(|one| matches!(one, Told::Changed(..))));
                    client.hear(&told, &view);
                }
            }
            prop_assert_eq!(client.messages.len(), view.count() as usize);
            // Lost now, and back: it asks from there, and has all.
            let mut copy: BTreeMap<_, _> = client.messages.iter().flatten().cloned().collect();
            let missed = mailbox.since(view.told_to());
            copy.retain(|uid, _| !missed.vanished.contains(*uid));
            copy.extend(missed.changed.iter().map(|message| (message.uid.get(), Arc::clone(&message.flags))));
            prop_assert!(copy.iter().eq(mailbox.messages.iter().map(|(uid, message)| (uid, &message.flags))), "{copy:?}");
        }
        let told = view.learn(mailbox.since(view.modseq()), Renumbering::May, FlagChanges::Now);
        client.hear(&told, &view);
        let knows: Vec<_> = client.messages.into_iter().flatten().collect();
        let has: Vec<_> = mailbox.messages.values().map(|message| (message.uid.get(), Arc::clone(&message.flags))).collect();
        prop_assert_eq!(knows, has);
        prop_assert!(view.contents().iter().eq(mailbox.messages.values()));
    }

    #[test]
    fn contents_are_those_of_a_sorted_map(
        puts in proptest::collection::vec((1_u32..2000, 0_u8..8), 0..1200),
        removed in proptest::collection::vec(1_u32..2000, 0..300),
        cut in 1_u32..2000,
    ) {
        let mut contents = Contents::default();
        let mut model = BTreeMap::new();
        for (modseq, (uid, bits)) in puts.into_iter().enumerate() {
            let message = Message { uid: nonzero(uid), modseq: modseq as u64, flags: some_flags(bits) };
            contents.put(message.clone());
            model.insert(uid, message);
        }
        let copy = contents.clone();
        let whole = model.clone();
        contents.remove(&numbers(&removed));
        model.retain(|uid, _| !removed.contains(uid));
        prop_assert!(copy.iter().eq(whole.values()), "a copy has changed");
        prop_assert!(contents.iter().eq(model.values()));
        prop_assert_eq!(contents.count() as usize, model.len());
        prop_assert!(contents.within(cut..=cut + 300).eq(model.range(cut..=cut + 300).map(|(_, message)| message)));
        prop_assert!(contents.numbered(cut..=cut + 300).eq(model.values().skip(cut as usize - 1).take(301)));
        for (number, uid) in (1..).zip(model.keys()) {
            prop_assert_eq!(contents.number_of(*uid).map(NonZeroU32::get), Some(number));
            prop_assert_eq!(contents.at(number).map(|message| message.uid.get()), Some(*uid));
        }
        prop_assert!(contents.at(0).is_none() && contents.at(contents.count() + 1).is_none());
    }
}
