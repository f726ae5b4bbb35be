//! What goes wrong in the network of a seed. Each seed has its own kinds of trouble: some only one, some all.

use std::net::{IpAddr, Ipv4Addr};

use delivery::dns::{Kind, Mx, Name, Record, Srv};

use super::book::Restore;
use super::life::Life;
use crate::chance::Chance;
use crate::{Boundary, FailedSync, Weather};

/// The farthest that a clock is wrong.
const SKEW_MILLIS_MAX: u64 = 60_000;

/// Operations of a disk until its power fails, at most: what a few messages need.
const OPERATIONS_MAX: u64 = 420;

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Weather,
    Late,
    Partition,
    Crash,
    CrashAtCommit,
    CrashBetweenAwaits,
    Clock,
    DnsFails,
    DnsSilent,
    DnsLies,
    DiskFull,
    SyncFails,
    PowerCut,
    Contents,
    LostReply,
    LostCommand,
    DieWhenServed,
    CutRetrieval,
    PartRetrieval,
    AlterRetrieval,
    Certificate,
    SlowCommits,
    Backup,
}

const ALL: [Trouble; 23] = [
    Trouble::Weather,
    Trouble::Late,
    Trouble::Partition,
    Trouble::Crash,
    Trouble::CrashAtCommit,
    Trouble::CrashBetweenAwaits,
    Trouble::Clock,
    Trouble::DnsFails,
    Trouble::DnsSilent,
    Trouble::DnsLies,
    Trouble::DiskFull,
    Trouble::SyncFails,
    Trouble::PowerCut,
    Trouble::Contents,
    Trouble::LostReply,
    Trouble::LostCommand,
    Trouble::DieWhenServed,
    Trouble::CutRetrieval,
    Trouble::PartRetrieval,
    Trouble::AlterRetrieval,
    Trouble::Certificate,
    Trouble::SlowCommits,
    Trouble::Backup,
];

/// The trouble of one network.
#[derive(Debug, Default)]
pub(crate) struct Climate {
    kinds: Vec<Trouble>,
    /// One act in so many is followed by trouble.
    once_in: u64,
    /// One act in so many is followed by somebody who mends everything.
    mended_once_in: u64,
    /// Backups that can be restored: of which server, when, and by what number.
    backups: Vec<(usize, mail::time::Timestamp, usize)>,
}

impl Climate {
    pub(crate) fn drawn(chance: &mut Chance) -> Self {
        let rarity = *chance.pick(&[1, 2, 3, 8]).unwrap_or(&2);
        let mut kinds: Vec<_> = ALL.into_iter().filter(|_| chance.once_in(rarity)).collect();
        // Nothing can be said against a server that loses its data, so most networks have none that does.
        kinds.retain(|kind| *kind != Trouble::Backup || chance.once_in(2));
        Self { kinds, once_in: 2 + chance.below(4), mended_once_in: 4 + chance.below(8), backups: vec![] }
    }
}

impl Life {
    /// Trouble, or somebody who mends it, or neither.
    pub(crate) fn happen(&mut self) {
        if self.chance.once_in(self.climate.mended_once_in) {
            self.sim.heal();
            self.book.note_truth(self.sim.now());
            self.sim.mend_disks();
            for domain in self.domains() {
                self.sim.mend_certificate(domain);
            }
            self.sim.restart_all();
        }
        if self.chance.once_in(self.climate.once_in)
            && let Some(trouble) = self.chance.pick(&self.climate.kinds).copied()
        {
            let servers = self.tasks_at_rest.len();
            let (one, other) = (self.chance.index(servers), self.chance.index(servers));
            let domains = self.domains();
            if let (Some(domain), Some(other)) = (domains.get(one), domains.get(other)) {
                self.befall(trouble, one, domain, other);
            }
        }
    }

    fn befall(&mut self, trouble: Trouble, server: usize, domain: &str, other: &str) {
        let (sim, chance) = (&mut self.sim, &mut self.chance);
        match trouble {
            Trouble::Weather => sim.set_weather(Weather {
                breaks_once_in: 1 + chance.below(6),
                unreachable_once_in: chance.below(12),
                late_millis_max: 0,
                spares_nobody: chance.once_in(2),
            }),
            Trouble::Late => {
                sim.set_weather(Weather { late_millis_max: 1_000 + chance.below(20_000), ..Weather::default() });
                sim.strike("packets late");
            }
            Trouble::Partition => sim.part(domain, other),
            Trouble::Crash => {
                sim.crash(domain);
                sim.strike("death at any moment");
                if chance.once_in(2) {
                    sim.restart(domain);
                }
            }
            Trouble::CrashAtCommit => {
                let boundary = if chance.once_in(2) { Boundary::BeforeCommit } else { Boundary::AfterCommit };
                sim.crash_at_commit(domain, 1 + chance.below(10), boundary);
            }
            Trouble::CrashBetweenAwaits => sim.crash_after_steps(domain, 1 + chance.below(400)),
            Trouble::Clock => {
                let skew = i64::try_from(chance.below(2 * SKEW_MILLIS_MAX)).unwrap_or(0);
                sim.set_clock_ahead(domain, skew - i64::try_from(SKEW_MILLIS_MAX).unwrap_or(0));
                sim.strike("clock set wrong");
            }
            Trouble::DnsFails => sim.fail_dns(domain),
            Trouble::DnsSilent => sim.silence_dns(domain),
            Trouble::DnsLies => self.lie(domain, other),
            Trouble::DiskFull => {
                sim.fill_disk(domain);
                sim.strike("disk full");
            }
            Trouble::SyncFails => {
                let what = if chance.once_in(2) { FailedSync::Lost } else { FailedSync::Durable };
                sim.fail_syncs(domain, 1 + u32::try_from(chance.below(3)).unwrap_or(0), what);
            }
            Trouble::PowerCut => {
                sim.cut_power(domain, if chance.once_in(6) { 0 } else { 1 + chance.below(OPERATIONS_MAX) });
                if chance.once_in(2) {
                    sim.restart(domain);
                }
            }
            Trouble::Contents => sim.spoil_contents(domain, chance.below(6), chance.below(4) * 500),
            Trouble::LostReply => {
                let verb =
                    *chance.pick(&["NOTICE", "RETRIEVE", "CONFIRM", "DECLINE", "EHLO", "STARTTLS", "MAIL", "DATA"]).unwrap_or(&"NOTICE");
                sim.lose_reply_to(verb);
            }
            Trouble::LostCommand => sim.lose_command(chance.pick(&["NOTICE", "RETRIEVE", "CONFIRM", "DECLINE"]).unwrap_or(&"NOTICE")),
            Trouble::DieWhenServed => sim.die_when_served(domain),
            Trouble::CutRetrieval => sim.cut_retrieval_after(chance.below(60_000)),
            Trouble::PartRetrieval => sim.part_retrieval_after(chance.below(3_000)),
            Trouble::AlterRetrieval => sim.alter_retrieval_after(200 + chance.below(3_000)),
            Trouble::Certificate => {
                sim.forge_certificate(domain, "mx.forger.test");
                sim.strike("certificate of another");
            }
            Trouble::SlowCommits => sim.set_commit_delay(domain, std::time::Duration::from_millis(chance.below(3_000))),
            Trouble::Backup => self.back_up_or_restore(server, domain),
        }
    }

    fn back_up_or_restore(&mut self, server: usize, domain: &str) {
        let known = self.climate.backups.iter().position(|(whose, _, _)| *whose == server);
        match known {
            Some(place) if self.chance.once_in(2) => {
                let (_, from, number) = self.climate.backups.remove(place);
                self.sim.restore(domain, number);
                self.book.note_restore(Restore { server, from, at: self.sim.now() });
            }
            _ => {
                let from = self.sim.now();
                self.climate.backups.extend(self.sim.back_up(domain).ok().map(|number| (server, from, number)));
            }
        }
    }

    /// DNS says something of a domain that is not so: another server of the network, an address where nobody is, or nothing.
    fn lie(&mut self, domain: &str, other: &str) {
        let host = match self.chance.below(3) {
            0 => "mx.nowhere.test".to_owned(),
            _ => format!("mx.{other}"),
        };
        let (Some(name), Some(own), Some(service), Some(host)) =
            (Name::new(domain), Name::new(&format!("mx.{domain}")), Name::new(&format!("_twoway._tcp.{domain}")), Name::new(&host))
        else {
            return;
        };
        let (name, kind, record) = match self.chance.below(4) {
            0 => (name, Kind::Mx, Record::Mx(Mx { preference: 10, exchange: Some(host) })),
            1 => (service, Kind::Srv, Record::Srv(Srv { priority: 0, weight: 1, port: 2626, target: Some(host) })),
            2 => (own, Kind::A, Record::A(Ipv4Addr::new(10, 0, 0, 1 + u8::try_from(self.chance.below(7)).unwrap_or(0)))),
            _ => (name, Kind::Txt, Record::Txt(b"v=spf1 -all".to_vec())),
        };
        let is_nothing = self.chance.once_in(4);
        self.book.note_lie(domain);
        self.sim.lie_in_dns(name, kind, if is_nothing { vec![] } else { vec![record] });
    }
}

/// Where the hostile peer is.
pub(crate) const HOSTILE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 8, 8, 8));
/// Where the forger is.
pub(crate) const FORGER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 7, 7, 7));
