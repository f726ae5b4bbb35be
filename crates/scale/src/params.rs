//! What the model assumes, each figure with where it comes from. Shares are in thousandths, rates in thousandths a day.

/// Everything a run depends on, besides the production timers and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// From which everything random follows.
    pub seed: u64,
    /// Users of the main run.
    pub users: u64,
    /// Users of each run that varies something.
    pub sample_users: u64,
    /// Days that are simulated.
    pub days: u64,
    /// Domains with users.
    pub domains: u64,
    /// Domains that send lists, newsletters and transactional mail.
    pub bulk_domains: u64,
    /// Messages of persons a user gets in a day.
    pub personal_rate: u64,
    /// Messages of lists, newsletters and programs a user gets in a day.
    pub bulk_rate: u64,
    /// Messages a user writes in a day.
    pub writing_rate: u64,
    /// Persons a user comes to know in a day.
    pub new_person_rate: u64,
    /// Sites a user signs up at in a day.
    pub sign_up_rate: u64,
    /// Persons a user knows at the start.
    pub persons: u64,
    /// Senders of bulk mail a user has subscribed to at the start.
    pub subscriptions: u64,
    /// New acquaintances to whom the user writes first.
    pub user_writes_first: u64,
    /// Sign-ups for which the user makes an expected entry.
    pub sign_up_expected: u64,
    /// Senders known at the start that stand on the allow list at the start.
    pub imported: u64,
    /// Users who look at contact attempts at once, daily, weekly; the rest never do.
    pub habits: [u64; 3],
    /// Unwanted messages among all.
    pub spam_share: u64,
    /// Of the unwanted: pushed only, noticed from own domains, noticed from domains that live a day; the rest comes from
    /// botnets through accounts of others.
    pub spam_kinds: [u64; 3],
    /// Of botnet spam: from the account of somebody whom the recipient knows.
    pub worm_share: u64,
    /// Domains that spammers keep.
    pub spam_domains: u64,
    /// Domains that are used for spam for one day, new each day.
    pub spam_domains_daily: u64,
    /// Pushed mail of senders without the extension that proves its author (DMARC).
    pub dmarc_share: u64,
    /// Median octets: of a person's message, of one with attachments, of bulk mail, of spam.
    pub size_medians: [u64; 4],
    /// Standard deviation of the logarithm of those, in thousandths.
    pub size_sigmas: [u64; 4],
    /// Persons' messages with attachments.
    pub attachment_share: u64,
    /// Octets that a TLS handshake moves, both ways.
    pub tls_octets: u64,
    /// Hours that resolvers remember an answer.
    pub dns_hours: u64,
    /// Mailboxes flooded for each row of the ranking.
    pub flooded_mailboxes: u64,
    /// Unknown senders of one flood.
    pub flood_senders: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            seed: 1,
            users: 1_000_000,
            sample_users: 5_000,
            days: 30,
            domains: 20_000,
            bulk_domains: 2_000,
            personal_rate: 6_000,
            bulk_rate: 14_000,
            writing_rate: 4_000,
            new_person_rate: 300,
            sign_up_rate: 100,
            persons: 25,
            subscriptions: 15,
            user_writes_first: 500,
            sign_up_expected: 700,
            imported: 500,
            habits: [150, 450, 250],
            spam_share: 450,
            spam_kinds: [400, 150, 250],
            worm_share: 20,
            spam_domains: 5_000,
            spam_domains_daily: 200,
            dmarc_share: 800,
            size_medians: [20_000, 400_000, 50_000, 8_000],
            size_sigmas: [1_000, 1_300, 700, 1_000],
            attachment_share: 80,
            tls_octets: 5_000,
            dns_hours: 1,
            flooded_mailboxes: 6,
            flood_senders: 10_000,
        }
    }
}

impl Params {
    /// Small enough for a test: seconds without optimisation.
    pub fn small() -> Self {
        Self {
            users: 300,
            sample_users: 60,
            days: 16,
            domains: 100,
            bulk_domains: 40,
            spam_domains: 50,
            spam_domains_daily: 5,
            flooded_mailboxes: 1,
            flood_senders: 560,
            ..Self::default()
        }
    }

    /// Each parameter: what it is, its value, where it comes from.
    pub fn table(&self) -> Vec<[String; 3]> {
        let row = |what: &str, value: String, source: &str| [what.to_owned(), value, source.to_owned()];
        let rate = |rate: u64| format!("{}.{:03} a day", rate / 1000, rate % 1000);
        let share = |share: u64| format!("{}.{} %", share / 10, share % 10);
        let [push, own, daily] = self.spam_kinds;
        let [at_once, each_day, each_week] = self.habits;
        let sizes = |index: usize| {
            let [median, sigma] = [&self.size_medians, &self.size_sigmas].map(|list| list.get(index).copied().unwrap_or(0));
            format!("median {median} octets, σ of the logarithm {}.{:03}", sigma / 1000, sigma % 1000)
        };
        vec![
            row("seed", self.seed.to_string(), "any"),
            row("users, main run; each varied run", format!("{}; {}", self.users, self.sample_users), "chosen"),
            row("days", self.days.to_string(), "chosen: longer than the retention"),
            row("domains with users", self.domains.to_string(), ASSUMED_SIZES),
            row("domains of bulk senders", self.bulk_domains.to_string(), ASSUMED),
            row("messages from persons", rate(self.personal_rate), VOLUME),
            row("messages from lists, newsletters, programs", rate(self.bulk_rate), VOLUME),
            row("messages a user writes", rate(self.writing_rate), ASSUMED),
            row("new acquaintances", rate(self.new_person_rate), ASSUMED),
            row("sign-ups at sites", rate(self.sign_up_rate), ASSUMED),
            row("persons known; subscriptions, at the start", format!("{}; {}", self.persons, self.subscriptions), ASSUMED),
            row("acquaintances to whom the user writes first", share(self.user_writes_first), ASSUMED),
            row("sign-ups announced by an expected entry", share(self.sign_up_expected), ASSUMED),
            row("known senders that are on the allow list at the start", share(self.imported), VARIED),
            row(
                "looks at contact attempts at once; daily; weekly; never",
                [at_once, each_day, each_week, 1000 - at_once - each_day - each_week].map(share).join("; "),
                VARIED,
            ),
            row("spam among all messages", share(self.spam_share), SPAM),
            row(
                "spam that is pushed only; noticed from own domains; from domains of one day; from accounts of others",
                [push, own, daily, 1000 - push - own - daily].map(share).join("; "),
                VARIED,
            ),
            row("of the last, from an account the recipient knows", share(self.worm_share), ASSUMED),
            row("domains spammers keep; use for one day", format!("{}; {}", self.spam_domains, self.spam_domains_daily), ASSUMED),
            row("pushed wanted mail with an aligned DMARC pass", share(self.dmarc_share), VARIED),
            row("size of a person's message", sizes(0), SIZES),
            row("... with attachments", format!("{}, {} of them", sizes(1), share(self.attachment_share)), SIZES),
            row("size of bulk mail", sizes(2), SIZES),
            row("size of spam", sizes(3), "assumed, and varied; the shape as above"),
            row("a TLS handshake", format!("{} octets", self.tls_octets), "assumed: TLS 1.3 with a chain of two certificates"),
            row("a resolver remembers an answer, at most", format!("{} h", self.dns_hours), "what the protocol allows for absent records"),
            row("mailboxes flooded for each row of the ranking", self.flooded_mailboxes.to_string(), "chosen"),
            row("unknown senders of one flood", self.flood_senders.to_string(), "the protocol's claim, section 10"),
        ]
    }
}

const ASSUMED: &str = "assumed";
const VARIED: &str = "assumed, and varied";
const ASSUMED_SIZES: &str = "assumed: five hold 25, 12, 6, 4 and 3 % of the users, the others shrink as 1/rank";
const VOLUME: &str = "assumed. Radicati forecast 347 billion messages a day, sent and received, for 4.3 billion users in 2023 \
                      (Email Statistics Report 2019-2023): 80 for a user, twice what is here; results are relative to it";
const SPAM: &str = "Kaspersky's yearly reports of the last years give about 45 %, its quarterly ones 85.2 % (2010/1) and 68.3 % (2013/3); varied from 30 to 90 %";
const SIZES: &str = "assumed. That sizes are near log-normal: Matsubara, Fluctuations in email size (Eur. Phys. J. Plus, 2017)";
