//! What a reader takes away: what holds, what does not, what surprised.

use super::contacts::{attempts_a_day, places};
use super::growth::{at, late};
use super::octets::{central, extremes, range};
use super::servers::question_shares;
use super::text::{per, percent};
use crate::cost::share;
use crate::flood::{Attack, Cap, Places, REQUESTS, Request};
use crate::outage::Away;
use crate::study::Study;

/// Title and summary.
pub(super) fn head(study: &Study) -> String {
    format!(
        "# Two-way mail on the scale of the Internet\n\nWhat becomes of mail, servers and people if the world takes two-way mail up: {} users over {} days, \
         simulated on the production decisions, and arithmetic on what was counted. The figures stand or fall with the assumptions below; \
         most of them are not measured anywhere, and are varied instead.\n\n## In short\n\n**What holds**\n\n{}\n**What does not**\n\n{}\n**What surprised**\n\n{}",
        super::text::count(study.params.users),
        study.params.days,
        list(&holds(study)),
        list(&fails(study)),
        list(&surprises(study)),
    )
}

fn list(points: &[String]) -> String {
    points.iter().flat_map(|point| ["- ", point, "\n"]).collect()
}

fn place(study: &Study, attack: Attack, request: Request) -> String {
    let place = places(study, attack, Cap::Production, request).and_then(|places| places.quantile(500));
    place.map_or_else(|| "not shown at all".to_owned(), |place| format!("at place {place}"))
}

fn holds(study: &Study) -> Vec<String> {
    let main = &study.main;
    let let_in = main.spam_retrieved.count + main.spam_pushed.first().map_or(0, |mass| mass.count);
    let [worst, best] = range(study, 0);
    let [_, least] = range(study, 4);
    let outage = |away, hours| study.outages.iter().find(|row| row.away == away && row.hours == hours).map_or(0, |row| row.delivered);
    let floods = [Attack::OneDomain, Attack::Rotating, Attack::FewNetworks, Attack::TakenOver];
    let withstood = floods.into_iter().flat_map(|attack| REQUESTS.map(|request| (attack, request)));
    let withstood = withstood.filter_map(|(attack, request)| places(study, attack, Cap::Production, request)).map(Places::on_first_page);
    vec![
        format!(
            "With screening on, {} of all spam reaches a mailbox: that of accounts which the owner had allowed and somebody took over.",
            percent(share(main.spam.count, let_in))
        ),
        format!(
            "Octets are saved where spam is not pushed: {} to {} for 30 to 90 % spam, if ten messages share a session, and up to {} if spam is four times \
             as large. The protocol's estimate, 10 to 69 %, is reached under these conditions from 40 to 50 % spam on; under the others below later, or never.",
            percent(1000_u64.saturating_sub(worst)),
            percent(1000_u64.saturating_sub(best)),
            percent(1000_u64.saturating_sub(least)),
        ),
        format!(
            "An allow list grows fast for those who look: with nothing on it at the start, {} of the wanted mail comes in at once in the second week \
             for who looks daily, {} for who looks weekly.",
            percent(late(study, 1)),
            percent(late(study, 2)),
        ),
        format!(
            "In a flood from one domain, from fifty new domains every day behind four networks, from any number behind nineteen, or from taken-over accounts at domains unknown so far, {} of the real \
             requests of each kind, or more, stay among the first twenty; one from an own domain stands {} when ten thousand domains come from 19 networks.",
            percent(withstood.min().unwrap_or(0)),
            place(study, Attack::FewNetworks, Request::OwnDomain),
        ),
        format!(
            "Outages lose nothing in silence: {} of the messages arrive after three days without the destination, {} after ten days without the origin; \
             the rest is reported.",
            percent(outage(Away::Destination, 72)),
            percent(outage(Away::Origin, 240)),
        ),
    ]
}

fn fails(study: &Study) -> Vec<String> {
    let [_, most] = extremes(study);
    let never =
        study.samples.starts.get(3).map_or(0, |(_, ledger)| share(ledger.retrieved.count + ledger.expired.count, ledger.expired.count));
    let not_shown = |attack, request| places(study, attack, Cap::Production, request).map_or(0, Places::not_shown);
    let [by_notice, ..] = at(study, 100);
    let [_, spam_attempts] = attempts_a_day(&study.main);
    vec![
        format!(
            "Octets are *not* saved with screening off (the default): {} of push at {} spam with a session for each message. Nor if every notice takes a session of its \
             own and spammers repeat it: {}. The worst of all cases is {}. Where 80 % of spam is refused by its address today, {} are left to save.",
            percent(central(study, 7)),
            percent(study.params.spam_share),
            percent(central(study, 3)),
            percent(most),
            percent(1000_u64.saturating_sub(central(study, 5))),
        ),
        format!(
            "A botnet of 2000 networks and ten thousand domains buries a real request from an own domain known by its address alone: {} of them are not shown \
             at all. If the flood's domains have keys, {} of the keyed ones are not either: a key costs a spammer as little as anybody else.",
            percent(not_shown(Attack::Botnet, Request::OwnDomain)),
            percent(not_shown(Attack::BotnetWithKeys, Request::OwnDomainWithKey)),
        ),
        format!(
            "No flood is needed either: a hundred new domains a day, each from a network of its own, put a request from an own domain {} of the list, because among equals the \
             latest comes first. A few dozen a day are enough to fill the first page.",
            place(study, Attack::Paced, Request::OwnDomain),
        ),
        format!(
            "Accounts taken over at the friends' provider use up what it may begin in a day, and attempts that are not shown count too, so the flood locks the provider out \
             for as long as it lasts: {} of the real newcomers from there are not shown. As a domain that has written before ranks before all others, its rows stand in \
             front of everybody else's: a request from an own domain is {}. Patience is worse than a flood: 45 accounts a day at a provider where the owner has 240 \
             friends are let on the list day by day, and then it is {}.",
            percent(not_shown(Attack::AtTheGiant, Request::AtTheGiant)),
            place(study, Attack::AtTheGiant, Request::OwnDomain),
            place(study, Attack::Patient, Request::OwnDomain),
        ),
        format!(
            "Spam does not go away: {} contact attempts a day for each user, as many as there was spam. It is collapsed, ranked and empty, but it is there.",
            per(spam_attempts, 1000)
        ),
        format!("Who never looks loses {} of their wanted mail, and its senders keep it for two weeks in vain.", percent(never)),
        format!(
            "Early adopters get little: at {} adoption {} of the wanted mail goes by notice. What they see is pushed mail, and without a check of DMARC \
             all of it waits aside every time, that of allowed senders too.",
            percent(100),
            percent(by_notice),
        ),
        "Spammers need no disk: \"the sender keeps it\" costs a sender of unwanted mail nothing, who can write it when it is asked for."
            .to_owned(),
    ]
}

fn surprises(study: &Study) -> Vec<String> {
    let [small, large] = question_shares(study);
    let outage = study.outages.iter().find(|row| row.away == Away::Destination && row.hours == 1);
    let campaign = study.campaigns.last().map_or(0, |(.., duration)| duration.as_secs() / 360);
    vec![
        format!(
            "A TLS handshake weighs as much as many a spam message. How many notices share a session matters more for octets than anything in the notice; \
             four notices of one message, each in its own session, cost {} octets, and the mean spam message here has {}.",
            4 * (study.wire.session + study.wire.notice),
            study.mean_sizes[1],
        ),
        format!(
            "Questions to DNS: {} of those for pushed mail at the smallest servers, {} at the largest, because a domain without the extension's records is asked for them \
             *and* for what stands in for them. With records of its own it is cheaper than SPF.",
            percent(small),
            percent(large),
        ),
        format!(
            "An outage of one hour delays its messages by {} min more (median) after it is over: attempts that were not made because the peer rests count as attempts, \
             and nothing that answers makes the others try sooner.",
            outage.map_or(0, |row| row.minutes_after[0]),
        ),
        "An expected entry of one hour lets the confirmation of a sign-up in and nothing that follows: the site's later mail knocks as a stranger's.".to_owned(),
        format!("A newsletter to ten million subscribers at one provider takes {}.{} h under the default rate for a domain, from however many clients.", campaign / 10, campaign % 10),
    ]
}
