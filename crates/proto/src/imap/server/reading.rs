//! Reads commands: which are whole, which literals are theirs, and what is none (RFC 9051 sections 2.2.1 and 4.3).

use super::{Event, Session, State, Step};
use crate::imap::command::{self, Refused, Tagged};
use crate::imap::cursor::SyntaxError;
use crate::imap::input::{Announcement, LiteralForm, Piece};
use crate::imap::limits::LITERALS_MAX;
use crate::imap::response::code::{Code, CodeWord};
use crate::imap::response::{Condition, Status, continuation};

impl Session {
    /// Reads a command, or as much of one as there is.
    pub(super) fn next_command(&mut self) -> Option<Step> {
        match self.input.read(self.command_octets_max()) {
            Piece::Partial => return Some(Step::NeedInput),
            Piece::TooLong => {
                self.counts.commands = self.counts.commands.saturating_add(1);
                let tag = command::tag_of(self.input.unused());
                self.discard_line(tag, Self::too_long());
            }
            Piece::BareLineEnd => {
                let tag = command::tag_of(self.input.command());
                self.consume_command();
                self.refuse(tag.as_ref(), &Status::new(Condition::Bad, "a line ends with CR and LF, and has neither inside"));
            }
            Piece::Literal(announcement) => return self.literal(announcement),
            Piece::Command => {
                let parsed = command::parse(self.input.command(), self.names());
                self.consume_command();
                self.counts.commands = self.counts.commands.saturating_add(1);
                match parsed {
                    Ok(Tagged { tag, command }) => return self.command(tag, command),
                    Err(refused) => {
                        self.refuse(refused.tag.as_ref(), &reason(&refused));
                        return self.unsaved(&refused);
                    }
                }
            }
        }
        None
    }

    /// Decides on a literal from what stands before it: part of the command, a message, or refused.
    fn literal(&mut self, announcement: Announcement) -> Option<Step> {
        match command::parse(self.input.command(), self.names()) {
            Ok(Tagged { tag, command }) => {
                self.consume_command();
                return self.command_up_to(tag, command, announcement);
            }
            Err(Refused { tag, error: command::CommandError::Syntax(SyntaxError::LiteralDue) }) => {
                if let Err(status) = self.take_literal(announcement) {
                    self.consume_command();
                    self.refuse_literal(tag, status, announcement);
                }
            }
            Err(refused) => {
                let status = reason(&refused);
                self.consume_command();
                let unsaved = self.unsaved(&refused);
                self.refuse_literal(refused.tag, status, announcement);
                return unsaved;
            }
        }
        None
    }

    /// RFC 5182 section 2.1: a search that is answered with NO saves that nothing was found; one that is no search, nothing.
    fn unsaved(&self, refused: &Refused) -> Option<Step> {
        let saves = matches!(refused.error, command::CommandError::Syntax(SyntaxError::Charset { saves: true }));
        (saves && matches!(self.state, State::Selected { .. })).then_some(Step::Event(Event::SearchRefused))
    }

    /// Makes a literal part of the command, if it is not too much.
    pub(super) fn take_literal(&mut self, announcement: Announcement) -> Result<(), Status> {
        let room = self.command_octets_max().saturating_sub(self.input.command().len());
        if self.literals >= LITERALS_MAX {
            return Err(Status::new(Condition::Bad, "too many literals in one command"));
        }
        let Some(octets) = usize::try_from(announcement.octets).ok().filter(|octets| *octets < room) else {
            return Err(Status::new(Condition::Bad, "the literal is too large here").with(CodeWord::TooBig));
        };
        // RFC 9051 section 6.2.3: before the name and the password are sent, not after.
        if self.is_login_in_clear() {
            return Err(Self::privacy_required());
        }
        self.literals += 1;
        self.input.accept_literal(octets);
        if announcement.form == LiteralForm::Synchronising {
            self.output.extend(continuation("go on"));
        }
        Ok(())
    }

    pub(super) fn consume_command(&mut self) {
        self.literals = 0;
        self.input.consume_command();
    }
}

/// What to say of what is no command.
fn reason(refused: &Refused) -> Status {
    let status = Status::new(Condition::Bad, refused.error.to_string());
    match refused.error {
        command::CommandError::Syntax(SyntaxError::Charset { .. }) => Status { condition: Condition::No, ..status }.with(Code::BadCharset),
        _ => status,
    }
}
