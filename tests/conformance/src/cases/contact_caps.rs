//! Contact attempts in numbers: one domain fills no list, nobody does, nobody is told, and nothing is lost (section 5).

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::case::{Case, Need};
use crate::lab::Lab;
use crate::offered::Offered;
use crate::peer::Peer;
use crate::pushing::Push;
use crate::target::Account;

/// Far more senders of one small domain than anybody hears from in a day.
const SENDERS: usize = 120;
/// Section 5: 500 rows per mailbox.
const ROWS_MAX: usize = 500;
/// Section 10: a real contact stays in the first 20.
const FIRST_PAGE: usize = 20;
/// In one session of ordinary mail.
const PUSHES_OF_SESSION: usize = 50;

pub(crate) const CASES: &[Case] = &[
    Case::hostile("contacts-cap-of-domain", "5", "Many senders of one domain get few rows, and leave room for others", cap_of_domain)
        .needing(&[Need::Command]),
    Case::hostile("contacts-cap-is-silent", "5, 10", "NOTICE is answered octet for octet the same, shown or not", cap_is_silent)
        .needing(&[Need::Command]),
    Case::honest(
        "contacts-cap-loses-nothing",
        "5",
        "A sender whom a cap keeps off the list can be allowed, and is fetched",
        cap_loses_nothing,
    )
    .needing(&[Need::Command]),
    Case::hostile(
        "contacts-flood",
        "5, 10",
        "Of strangers from ever new domains at most 500 are shown, and a proved one is among the first 20",
        flood,
    )
    .needing(&[Need::Command]),
    Case::honest("contacts-rows-of-pushed", "5", "Two pushed messages of one sender are one row, counted", rows_of_pushed)
        .needing(&[Need::Command]),
];

/// Gives notices by ever new senders of one domain in one session; them, and the replies.
fn crowd<'a>(lab: &Lab<'a>, account: &Account) -> Result<(Vec<Offered<'a>>, Vec<Vec<u8>>)> {
    let peer = lab.other()?;
    let offers = (0..SENDERS).map(|_| peer.offer(account)).collect::<Result<Vec<_>>>()?;
    let mut session = lab.exchange(peer)?;
    let mut replies = Vec::with_capacity(offers.len());
    for offered in &offers {
        lab.keep(offered);
        replies.push(session.ask(&offered.notice.line(), "250 2.0.0")?.octets);
    }
    session.quit()?;
    Ok((offers, replies))
}

/// The senders in a list of contact attempts, in its order.
fn senders(rows: &[Value]) -> Vec<&str> {
    rows.iter().filter_map(|row| row.get("sender").and_then(Value::as_str)).collect()
}

/// Gives a notice by somebody of a third domain and waits until it is listed: by then what came before was decided.
fn one_more(lab: &Lab<'_>, account: &Account) -> Result<String> {
    let offered = lab.honest()?.offer(account)?;
    lab.give(&offered)?;
    lab.until("the later contact attempt", || lab.contact_of(account, &offered.sender))?;
    Ok(offered.sender)
}

fn cap_of_domain(lab: &Lab<'_>) -> Result<()> {
    let account = &lab.fresh_screened()?;
    crowd(lab, account)?;
    one_more(lab, account)?;
    let of_domain = format!("@{}", lab.other()?.domain);
    let rows = lab.contacts(account)?;
    let shown = senders(&rows).iter().filter(|sender| sender.ends_with(&of_domain)).count();
    lab.trace.note(format!("{shown} of {SENDERS} senders are shown"));
    ensure!(shown > 0, "nobody is shown");
    ensure!(shown <= SENDERS / 2, "one domain has {shown} rows");
    Ok(())
}

fn cap_is_silent(lab: &Lab<'_>) -> Result<()> {
    let account = &lab.fresh_screened()?;
    let (_offers, replies) = crowd(lab, account)?;
    let first = replies.first().context("no reply")?;
    ensure!(replies.iter().all(|reply| reply == first), "not everybody had the same reply");
    Ok(())
}

fn cap_loses_nothing(lab: &Lab<'_>) -> Result<()> {
    let account = &lab.fresh_screened()?;
    let (offers, _replies) = crowd(lab, account)?;
    one_more(lab, account)?;
    let rows = lab.contacts(account)?;
    let shown = senders(&rows);
    let hidden = offers.iter().find(|offered| !shown.contains(&offered.sender.as_str())).context("everybody is shown")?;
    lab.order(&["allow", &account.address, "add", &hidden.sender])?;
    lab.see_confirmed(hidden).map(|_seen| ())
}

fn flood(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.honest()?, &lab.fresh_screened()?);
    let known = one_more(lab, account)?;
    let strangers = strangers_push(lab, peer, account)?;
    let newcomer = one_more(lab, account)?;
    let rows = lab.contacts(account)?;
    lab.trace.note(format!("{} rows of {} senders", rows.len(), strangers + 2));
    ensure!(rows.len() <= ROWS_MAX, "{} rows", rows.len());
    ensure!(rows.len() > 5 * FIRST_PAGE, "only {} rows: this says nothing", rows.len());
    let shown = senders(&rows);
    let first = shown.get(..FIRST_PAGE).context("less than a page")?;
    for sender in [&known, &newcomer] {
        ensure!(first.contains(&sender.as_str()), "{sender} is not among the first {FIRST_PAGE}");
    }
    Ok(())
}

/// Pushes a message each by somebody of ever another domain, until there are more than rows or no more is taken; how many.
fn strangers_push(lab: &Lab<'_>, peer: &Peer, account: &Account) -> Result<usize> {
    let mut taken = 0;
    while taken < ROWS_MAX + PUSHES_OF_SESSION {
        let mut session = lab.exchange(peer)?;
        for _ in 0..PUSHES_OF_SESSION {
            let push = Push::by(&format!("stranger@flood{taken}.test"), account)?;
            session.ask(&format!("MAIL FROM:<{}>", push.sender), "250 2.1.0")?;
            let reply = session.ask_one_of(&format!("RCPT TO:<{}>", account.address), &["250 2.1.5", "452"])?;
            if reply.says("452") {
                lab.trace.note(format!("after {taken} no more is taken"));
                session.quit()?;
                return Ok(taken);
            }
            ensure!(session.data(&push.content)?.says("250 2.0.0"), "kept mail is answered 250");
            taken += 1;
        }
        session.quit()?;
    }
    Ok(taken)
}

fn rows_of_pushed(lab: &Lab<'_>) -> Result<()> {
    let (peer, account) = (lab.other()?, &lab.fresh_screened()?);
    let one = Push::fresh(peer, account)?;
    let two = Push::by(&one.sender, account)?;
    for push in [&one, &two] {
        lab.push(peer, &account.address, push)?;
    }
    lab.until("one row that counts two", || {
        let rows = lab.contacts(account)?;
        Ok((rows.len() == 1 && rows.iter().all(|row| row.get("count").and_then(Value::as_u64) == Some(2))).then_some(()))
    })
}
