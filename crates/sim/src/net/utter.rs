//! What a peer may say: commands and replies as the grammar has them, and as it has not.

use mail::time::Timestamp;
use std::time::Duration;

use crate::chance::Chance;

/// A message that a misbehaving peer offers.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) id: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) content: Vec<u8>,
}

/// What follows an utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    HangUp,
    /// Silence, for so many seconds.
    Stall(u64),
}

/// The octets of an id: any of them may be asked for.
pub(crate) fn id(chance: &mut Chance) -> String {
    const OCTETS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..24).filter_map(|_| chance.pick(OCTETS)).map(|octet| char::from(*octet)).collect()
}

/// A NOTICE of an offer: most often as it should be.
pub(crate) fn notice(chance: &mut Chance, now: Timestamp, offer: &Offer) -> String {
    let size = if chance.once_in(8) { chance.below(1 << 40) } else { u64::try_from(offer.content.len()).unwrap_or(0) };
    let expires = if chance.once_in(10) { now - Duration::from_hours(1) } else { now + Duration::from_secs(10 + chance.below(100_000)) };
    let mut params = vec![
        format!("ID={}", offer.id),
        format!("SIZE={size}"),
        format!("DATE={}", now.to_stamp()),
        format!("EXPIRES={}", expires.to_stamp()),
    ];
    let more = [
        "BODY=8BITMIME",
        "SMTPUTF8",
        "NAME=Your+20bank",
        "SUBJECT=Hello+E2+80+AEolleH",
        "KIND=list",
        "LIST=news.hostile.test",
        "LIST=news.lists.test",
        "KIND=forward",
        "KIND=confirm",
        "REF=AAAAAAAAAAAAAAAAAAAAAAAA",
        "REQUIRETLS",
        "COLOUR=red",
        "NAME=+00+0D+0A",
        "SIZE=1",
        "ID=short",
    ];
    for _ in 0..chance.below(3) {
        params.extend(chance.pick(&more).map(|param| (*param).to_owned()));
    }
    if chance.once_in(8) {
        let place = chance.index(params.len());
        params.remove(place);
    }
    let last = chance.index(params.len());
    params.rotate_left(last);
    format!("NOTICE FROM:<{}> TO:<{}> {}", offer.from, offer.to, params.join(" "))
}

/// Anything that a client may say to a server with the extension.
pub(crate) fn command(chance: &mut Chance, ids: &[String], to: &str, from: &str) -> String {
    let id = if chance.once_in(3) { id(chance) } else { chance.pick(ids).cloned().unwrap_or_else(|| "x".repeat(22)) };
    match chance.below(18) {
        0 | 1 => format!("RETRIEVE ID={id} TO:<{to}>"),
        2 => format!("RETRIEVE ID={id} TO:<{to}> OFFSET={}", chance.below(100_000)),
        3 | 4 => format!("CONFIRM ID={id} TO:<{to}>"),
        5 => format!("DECLINE ID={id} TO:<{to}> 5.7.1 we do not want this"),
        6 => format!("DECLINE ID={id} TO:<{to}> 2.0.0 thank you"),
        7 | 8 => format!("PENDING FROM:<{from}> TO:<{to}>"),
        9 => format!("PENDING FROM:<{from}> TO:<{to}> AFTER={id}"),
        10 => "ASSERT DOMAIN=hostile.test KEY=s1 SIG=AAAA".to_owned(),
        11 => "NOOP".to_owned(),
        12 => "RSET".to_owned(),
        13 => format!("MAIL FROM:<{from}>"),
        14 => format!("RCPT TO:<{to}>"),
        15 => "EHLO mx.hostile.test".to_owned(),
        16 => "x".repeat(chance.index(5_000)),
        _ => "\u{0}\u{1}NOTICE".to_owned(),
    }
}

/// A reply that is due, or what somebody says instead.
pub(crate) fn reply(chance: &mut Chance, proper: &str) -> (Vec<u8>, Then) {
    let then = match chance.below(24) {
        0 | 1 => Then::HangUp,
        2 => Then::Stall(1 + chance.below(400)),
        _ => Then::GoOn,
    };
    let text = match chance.below(16) {
        0 => String::new(),
        1 => format!("{}\r\n", 200 + chance.below(400)),
        2 => format!("{} {}\r\n", 400 + chance.below(200), "we are not well"),
        3 => format!(
            "{} {}.{}.{} no\r\n",
            chance.pick(&[450, 451, 452, 550, 552, 554]).unwrap_or(&450),
            2 + chance.below(4),
            chance.below(12),
            chance.below(40)
        ),
        4 => "250-and\r\n250-so\r\n250-on\r\n".repeat(chance.index(60)),
        5 => format!("250 {}\r\n", "a".repeat(chance.index(4_000))),
        6 => "421 4.3.2 closing\r\n".to_owned(),
        7 => "\u{0}\u{ff}250 ok\n\r\n\n".to_owned(),
        8 => format!("{proper}\r\n{proper}\r\n"),
        _ => format!("{proper}\r\n"),
    };
    (text.into_bytes(), then)
}

/// The capabilities of a server that most often has the extension.
pub(crate) fn capabilities(chance: &mut Chance) -> String {
    let keyword = match chance.below(8) {
        0 => "XTWOWAY".to_owned(),
        1 => format!("XTWOWAY {} SIZE=x NOTICEMAX=0", chance.below(3)),
        2 => format!("XTWOWAY 1 SIZE={} NOTICEMAX={} KEEPMAX={}", chance.below(4_000), chance.below(3), chance.below(100)),
        _ => "XTWOWAY 1 SIZE=52428800 NOTICEMAX=500 KEEPMAX=2592000".to_owned(),
    };
    let mut lines = vec![
        "mx.hostile.test".to_owned(),
        "STARTTLS".to_owned(),
        "PIPELINING".to_owned(),
        keyword,
        "8BITMIME".to_owned(),
        "SMTPUTF8".to_owned(),
        "ENHANCEDSTATUSCODES".to_owned(),
    ];
    if chance.once_in(8) {
        let place = 1 + chance.index(lines.len() - 1);
        lines.remove(place);
    }
    let last = lines.pop().unwrap_or_default();
    let others: Vec<_> = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
    format!("{}250 {last}", others.concat())
}
