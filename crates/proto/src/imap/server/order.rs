//! Which command may be given in which state, and what each does before the driver hears of it (RFC 9051 section 3).

use super::{Channel, Event, Extension, NumbersDuring, Outcome, Phase, Question, Session, State, Step};
use crate::imap::command::fetch::FetchItem;
use crate::imap::command::mailbox::{Access, StatusItem};
use crate::imap::command::search::Key;
use crate::imap::command::session::Id;
use crate::imap::command::{Command, Numbering, Tag};
use crate::imap::input::Piece;
use crate::imap::response::code::CodeWord;
use crate::imap::response::{Condition, Data, Status, continuation};

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    Nobody,
    User,
    Mailbox,
    WritableMailbox,
}

impl Session {
    /// Acts on a command.
    pub(super) fn command(&mut self, tag: Tag, command: Command) -> Option<Step> {
        if let Some(status) = self.refusal(&command) {
            self.refuse(Some(&tag), &status);
            return None;
        }
        match command {
            Command::Capability => {
                let names = self.capabilities();
                self.untagged(&Data::Capability(names));
                self.done(&tag, "these")
            }
            Command::Id(_) => {
                let name = self.config.name.clone();
                self.untagged(&Data::Id(Id(vec![("name".to_owned(), Some(name))])));
                self.done(&tag, "nice to meet you")
            }
            Command::Logout => {
                self.untagged(&Data::Status(Status::new(Condition::Bye, "goodbye")));
                self.input.clear();
                self.phase = Phase::Closing;
                self.done(&tag, "logged out")
            }
            Command::StartTls => {
                self.done(&tag, "begin TLS now");
                self.phase = Phase::StartingTls;
                Some(Step::Event(Event::StartTls))
            }
            Command::Compress => {
                self.done(&tag, "compressed from here on");
                self.phase = Phase::Compressing;
                Some(Step::Event(Event::Compress))
            }
            Command::Authenticate(command) => self.authenticate(tag, &command),
            Command::Login(command) => self.login(tag, &command),
            Command::Enable(names) => {
                self.enable(&tag, &names);
                None
            }
            Command::Idle => {
                self.output.extend(continuation("idling"));
                self.phase = Phase::Idle(tag);
                Some(Step::Event(Event::Idle))
            }
            // All of their octets are named by URL.
            command @ (Command::Append(_) | Command::Replace(_)) => self.messages(tag, command, Question::Messages),
            // A driver that has nothing to tell at once answers at once.
            command => Some(self.ask_about(tag, command)),
        }
    }

    fn ask_about(&mut self, tag: Tag, command: Command) -> Step {
        let outcome = match &command {
            Command::Select(select) => Outcome::Selects(select.access),
            Command::Close | Command::Unselect => Outcome::Deselects,
            _ => Outcome::Same,
        };
        if matches!(outcome, Outcome::Selects(_)) && matches!(self.state, State::Selected { .. }) {
            // RFC 9051 section 6.3.2: what is told from here on is of the new mailbox, and failing leaves none.
            self.change_state(Outcome::Deselects);
            self.untagged(&Data::Status(Status::new(Condition::Ok, "the mailbox before is closed").with(CodeWord::Closed)));
        }
        if names_modseq(&command) {
            // RFC 7162 section 3.1: using it enables it.
            self.enabled.insert(Extension::CondStore);
        }
        self.ask(tag, Question::Command { numbers: numbers_during(&command), outcome }, Event::Command(command))
    }

    /// Why a command can't be given now.
    pub(super) fn refusal(&self, command: &Command) -> Option<Status> {
        let bad = |text: &'static str| Some(Status::new(Condition::Bad, text));
        let unoffered = |name: &str| !self.config.extensions.iter().any(|known| known.eq_ignore_ascii_case(name));
        match (needs(command), &self.state) {
            (Needs::Nobody, State::NotAuthenticated) | (Needs::Nothing, _) => {}
            (Needs::Nobody, _) => return bad("already authenticated"),
            (_, State::NotAuthenticated) => return bad("authenticate first"),
            (Needs::Mailbox | Needs::WritableMailbox, State::Authenticated { .. }) => return bad("select a mailbox first"),
            (Needs::WritableMailbox, State::Selected { access: Access::ReadOnly, .. }) => {
                return Some(Status::new(Condition::No, "the mailbox was opened by EXAMINE").with(CodeWord::ReadOnly));
            }
            _ => {}
        }
        match command {
            Command::StartTls if self.channel == Channel::Tls => bad("TLS has begun already"),
            Command::StartTls if self.channel == Channel::Clear => bad("no TLS here"),
            Command::Compress if unoffered("COMPRESS=DEFLATE") => bad("no compression here"),
            Command::Compress if self.compressed => {
                Some(Status::new(Condition::No, "compressed already").with(CodeWord::CompressionActive))
            }
            Command::Select(select) if select.qresync.is_some() && !self.has_enabled(Extension::Qresync) => bad("ENABLE QRESYNC first"),
            Command::Fetch(fetch) if fetch.changed_since.is_some_and(|since| since.vanished) && !self.has_enabled(Extension::Qresync) => {
                bad("ENABLE QRESYNC first")
            }
            // RFC 9586 section 3.
            command if self.has_enabled(Extension::UidOnly) && names_numbers(command) => {
                Some(Status::new(Condition::Bad, "by UID only").with(CodeWord::UidRequired))
            }
            _ => None,
        }
    }

    /// Reads what ends IDLE.
    pub(super) fn next_done(&mut self) -> Option<Step> {
        let done = match self.input.read(self.command_octets_max()) {
            Piece::Partial => return Some(Step::NeedInput),
            Piece::Command => self.input.command().strip_suffix(b"\r\n").is_some_and(|line| line.eq_ignore_ascii_case(b"DONE")),
            Piece::TooLong | Piece::Literal(_) | Piece::BareLineEnd => false,
        };
        let Phase::Idle(tag) = std::mem::replace(&mut self.phase, Phase::Commands) else { return None };
        if done {
            self.consume_command();
            self.done(&tag, "idle no more");
        } else {
            self.discard_line(Some(tag), Status::new(Condition::Bad, "IDLE ends with DONE"));
        }
        Some(Step::Event(Event::IdleEnd))
    }

    fn done(&mut self, tag: &Tag, text: &'static str) -> Option<Step> {
        self.say(Some(tag), &Status::new(Condition::Ok, text));
        None
    }
}

fn needs(command: &Command) -> Needs {
    match command {
        Command::Capability | Command::Noop | Command::Logout | Command::Id(_) => Needs::Nothing,
        Command::StartTls | Command::Authenticate(_) | Command::Login(_) => Needs::Nobody,
        Command::Check
        | Command::Close
        | Command::Unselect
        | Command::Search(_)
        | Command::CancelUpdate(_)
        | Command::Sort(_)
        | Command::Thread(_)
        | Command::UidBatches(_)
        | Command::Fetch(_)
        | Command::Copy(_) => Needs::Mailbox,
        Command::Expunge(_) | Command::Store(_) | Command::Move(_) | Command::Replace(_) => Needs::WritableMailbox,
        _ => Needs::User,
    }
}

/// Whether sequence numbers may change while a command is answered (RFC 9051 section 7.5.1). Its UID form is another command.
fn numbers_during(command: &Command) -> NumbersDuring {
    let numbering = match command {
        // RFC 7162 section 3.2.10.2: a search that names numbers, whatever it is answered with.
        Command::Search(search) if search.keys.iter().any(Key::names_numbers) => Numbering::Sequence,
        Command::Sort(sort) if sort.keys.iter().any(Key::names_numbers) => Numbering::Sequence,
        Command::Thread(thread) if thread.keys.iter().any(Key::names_numbers) => Numbering::Sequence,
        Command::Fetch(fetch) => fetch.numbering,
        Command::Store(store) => store.numbering,
        Command::Search(search) => search.numbering,
        Command::Sort(sort) => sort.numbering,
        Command::Thread(thread) => thread.numbering,
        _ => Numbering::Uid,
    };
    if numbering == Numbering::Sequence { NumbersDuring::MayNot } else { NumbersDuring::May }
}

/// Whether a command speaks of sequence numbers, or would be answered with them.
fn names_numbers(command: &Command) -> bool {
    let sequence = |numbering: Numbering| numbering == Numbering::Sequence;
    match command {
        Command::Fetch(fetch) => sequence(fetch.numbering),
        Command::Store(store) => sequence(store.numbering),
        Command::Copy(copy) | Command::Move(copy) => sequence(copy.numbering),
        Command::Replace(replace) => sequence(replace.numbering),
        Command::Search(search) => sequence(search.numbering) || search.keys.iter().any(Key::names_numbers),
        Command::Sort(sort) => sequence(sort.numbering) || sort.keys.iter().any(Key::names_numbers),
        Command::Thread(thread) => sequence(thread.numbering) || thread.keys.iter().any(Key::names_numbers),
        _ => false,
    }
}

/// Whether a command asks about modification sequences (RFC 7162 section 3.1).
fn names_modseq(command: &Command) -> bool {
    match command {
        Command::Select(select) => select.condstore || select.qresync.is_some(),
        Command::Status(_, items) => items.contains(&StatusItem::HighestModSeq),
        Command::Fetch(fetch) => fetch.changed_since.is_some() || fetch.items.contains(&FetchItem::ModSeq),
        Command::Store(store) => store.unchanged_since.is_some(),
        Command::Search(search) => search.keys.iter().any(Key::names_modseq),
        Command::Sort(sort) => sort.keys.iter().any(Key::names_modseq),
        _ => false,
    }
}
