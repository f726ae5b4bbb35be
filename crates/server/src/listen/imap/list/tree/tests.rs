//! Which names are told for which patterns: the examples of RFC 5258, and what is not there.

use mail::id::{AccountId, MailboxId};
use mail::special_use::SpecialUse;
use mail::time::Timestamp;
use proto::imap::mailbox_name::NameForm;
use proto::imap::response::Data;

use super::*;

fn row(name: &str) -> MailboxRow {
    MailboxRow {
        id: MailboxId::inbox_of(AccountId::new(Timestamp::EPOCH, [1; 10])),
        name: name.to_owned(),
        special_use: (name == "Sent").then_some(SpecialUse::Sent),
        uid_validity: 1,
        uid_next: 1,
        modseq: 1,
        messages: 0,
        unseen: 0,
        deleted: 0,
        octets: 0,
        deleted_octets: 0,
        keywords: Vec::new(),
        recent_from: 1,
        is_subscribed: false,
    }
}

/// RFC 5258 section 5, with INBOX and one special use besides.
fn tree() -> Tree {
    let names = [
        "INBOX",
        "Sent",
        "Fruit",
        "Fruit/Apple",
        "Fruit/Banana",
        "Tofu",
        "Vegetable",
        "Vegetable/Broccoli",
        "Vegetable/Corn",
        "Lost/Found",
    ];
    let subscribed = ["INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable", "Vegetable/Broccoli"];
    Tree::of(names.into_iter().map(row).collect(), &subscribed.map(str::to_owned))
}

fn told(data: impl IntoIterator<Item = Data>) -> String {
    data.into_iter().map(|data| String::from_utf8(data.encode(NameForm::Utf8)).unwrap().replace("\r\n", "\n")).collect()
}

fn list(pattern: &str, options: &str) -> String {
    let has = |option| options.split(' ').any(|word| word == option);
    let wanted = Wanted {
        subscribed: has("subscribed"),
        special_use: has("use"),
        recursive: has("recursive"),
        tells_subscribed: has("subscribed") || has("told"),
        extended: !options.is_empty(),
    };
    told(tree().list(&[Pattern::new(pattern)], wanted).into_iter().map(|(listed, _)| Data::List(listed)))
}

#[test]
fn every_mailbox_is_listed_with_what_stands_above_it() {
    let expected = "* LIST (\\HasChildren) \"/\" Fruit\n\
                    * LIST (\\HasNoChildren) \"/\" INBOX\n\
                    * LIST (\\NonExistent \\Noselect \\HasChildren) \"/\" Lost\n\
                    * LIST (\\HasNoChildren \\Sent) \"/\" Sent\n\
                    * LIST (\\HasNoChildren) \"/\" Tofu\n\
                    * LIST (\\HasChildren) \"/\" Vegetable\n";
    assert_eq!(list("%", ""), expected);
    assert_eq!(
        list("Lost*", ""),
        "* LIST (\\NonExistent \\Noselect \\HasChildren) \"/\" Lost\n* LIST (\\HasNoChildren) \"/\" Lost/Found\n"
    );
    assert_eq!(list("inbox", "told"), "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n");
    assert_eq!(list("*", "use"), "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\n");
    assert_eq!(list("Nowhere", ""), "");
}

#[test]
fn subscribed_names_are_listed_whether_they_are_there_or_not() {
    let expected = "* LIST (\\HasNoChildren \\Subscribed) \"/\" Fruit/Banana\n\
                    * LIST (\\NonExistent \\Subscribed) \"/\" Fruit/Peach\n\
                    * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n\
                    * LIST (\\HasChildren \\Subscribed) \"/\" Vegetable\n\
                    * LIST (\\HasNoChildren \\Subscribed) \"/\" Vegetable/Broccoli\n";
    assert_eq!(list("*", "subscribed"), expected);
}

#[test]
fn a_mailbox_stands_for_those_inside_it_where_that_is_asked_for() {
    let expected = "* LIST (\\HasChildren) \"/\" Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))\n\
                    * LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n\
                    * LIST (\\HasChildren \\Subscribed) \"/\" Vegetable (\"CHILDINFO\" (\"SUBSCRIBED\"))\n";
    assert_eq!(list("%", "subscribed recursive"), expected);
    assert_eq!(list("Fruit/*", "use recursive"), "");
    // What is told itself needs nobody to stand for it.
    assert!(!list("*", "subscribed recursive").contains("\" Fruit "));
}

#[test]
fn lsub_stands_for_what_a_pattern_does_not_reach() {
    let lsub = |pattern: &str| told(tree().lsub(&[Pattern::new(pattern)]).into_iter().map(Data::Lsub));
    assert_eq!(lsub("%"), "* LSUB (\\Noselect) \"/\" Fruit\n* LSUB () \"/\" INBOX\n* LSUB () \"/\" Vegetable\n");
    assert_eq!(lsub("Fruit/*"), "* LSUB () \"/\" Fruit/Banana\n* LSUB () \"/\" Fruit/Peach\n");
}
