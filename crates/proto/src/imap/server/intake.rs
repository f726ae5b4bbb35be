//! Messages of APPEND and REPLACE, streamed, never held; and what is refused before all of it is here (RFC 7888 section 4).

use super::{Event, Extension, Misuse, Phase, Question, Session, State, Step};
use crate::imap::command::append::{AppendData, AppendLiteral, AppendNext};
use crate::imap::command::{Command, Tag};
use crate::imap::cursor::SyntaxError;
use crate::imap::input::{Announcement, LiteralForm, Piece, Skipped};
use crate::imap::response::code::CodeWord;
use crate::imap::response::{Condition, Status, continuation};

/// Octets that are read and thrown away, and what is said when they are over.
#[derive(Debug)]
pub(super) struct Discarding {
    tag: Option<Tag>,
    status: Status,
    /// Of a literal; then comes the rest of a line.
    left: u64,
    /// Octets of literals so far.
    discarded: u64,
}

impl Session {
    /// The client may send the message that [`Event::Append`], [`Event::Replace`] or [`Event::AppendNext`] announced.
    ///
    /// # Errors
    /// None was announced.
    pub fn accept_message(&mut self) -> Result<(), Misuse> {
        match std::mem::replace(&mut self.phase, Phase::Commands) {
            Phase::Deciding(tag, Question::Message(literal)) => {
                if literal.announced.form == LiteralForm::Synchronising {
                    self.output.extend(continuation("send the message"));
                }
                self.phase = Phase::Content { tag, literal, left: literal.announced.octets };
                Ok(())
            }
            other => {
                self.phase = other;
                Err(Misuse::NothingToAnswer)
            }
        }
    }

    /// A command that ends at a literal.
    pub(super) fn command_up_to(&mut self, tag: Tag, command: Command, announced: Announcement) -> Option<Step> {
        self.counts.commands = self.counts.commands.saturating_add(1);
        // Nothing else ends with a literal's announcement and is complete.
        let Some(literal) = command.message_literal() else { return self.command(tag, command) };
        if let Some(status) = self.refusal(&command).or_else(|| self.literal_refusal(literal)) {
            self.refuse_literal(Some(tag), status, announced);
            return None;
        }
        self.messages(tag, command, Question::Message(literal))
    }

    /// Asks about messages of which all is here, or all up to a literal.
    pub(super) fn messages(&mut self, tag: Tag, command: Command, question: Question) -> Option<Step> {
        match command {
            Command::Append(append) => Some(self.ask(tag, question, Event::Append(append.mailbox, append.messages))),
            Command::Replace(replace) => Some(self.ask(tag, question, Event::Replace(replace))),
            _ => None,
        }
    }

    fn literal_refusal(&self, literal: AppendLiteral) -> Option<Status> {
        if literal.announced.octets > self.config.limits.message_octets_max {
            // RFC 7889 section 4.
            return Some(Status::new(Condition::No, "the message is too large").with(CodeWord::TooBig));
        }
        let utf8 = [Extension::Utf8, Extension::Rev2].iter().any(|extension| self.enabled.contains(extension));
        let stray = literal.data == AppendData::Utf8 && !utf8;
        // RFC 6855 section 4.
        stray.then(|| Status::new(Condition::Bad, "UTF8 needs ENABLE UTF8=ACCEPT first"))
    }

    /// Yields the next octets of a message.
    pub(super) fn next_content(&mut self) -> Option<Step> {
        let Phase::Content { tag, literal, left } = &mut self.phase else { return None };
        if *left == 0 {
            self.phase = Phase::BehindContent { tag: tag.clone(), literal: *literal };
            return None;
        }
        let unused = self.input.unused();
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(unused.len()).min(self.config.limits.content_chunk_octets_max);
        if count == 0 {
            return Some(Step::NeedInput);
        }
        let octets = unused.get(..count).unwrap_or_default().to_vec();
        *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        self.input.consume(count);
        Some(Step::Event(Event::Content(octets)))
    }

    /// Reads what stands behind a literal of a message: another part, another message, or the end.
    pub(super) fn next_behind_content(&mut self) -> Option<Step> {
        let piece = self.input.read(self.command_octets_max());
        if piece == Piece::Partial {
            return Some(Step::NeedInput);
        }
        let Phase::BehindContent { tag, literal: before } = std::mem::replace(&mut self.phase, Phase::Commands) else { return None };
        if piece == Piece::TooLong {
            self.discard_line(Some(tag), Self::too_long());
            return Some(Step::Event(Event::ContentDropped));
        }
        let next = AppendNext::read(self.input.command(), before, self.names());
        if let (Err(SyntaxError::LiteralDue), Piece::Literal(announced)) = (&next, piece) {
            return self.literal_behind_content(tag, before, announced);
        }
        self.consume_command();
        let next = match (next, piece) {
            (Ok(next), _) => next,
            (Err(error), piece) => {
                let status = Status::new(Condition::Bad, error.to_string());
                match piece {
                    Piece::Literal(announced) => self.refuse_literal(Some(tag), status, announced),
                    _ => self.refuse(Some(&tag), &status),
                }
                return Some(Step::Event(Event::ContentDropped));
            }
        };
        let question = match (next.literal(), piece) {
            (None, Piece::Command) if next.is_end() => return Some(self.ask(tag, Question::Messages, Event::Messages)),
            (None, Piece::Command) => Question::Messages,
            (Some(literal), Piece::Literal(announced)) => {
                if let Some(status) = self.literal_refusal(literal) {
                    self.refuse_literal(Some(tag), status, announced);
                    return Some(Step::Event(Event::ContentDropped));
                }
                Question::Message(literal)
            }
            _ => {
                self.refuse(Some(&tag), &Status::new(Condition::Bad, "expected another message, or the end of the line"));
                return Some(Step::Event(Event::ContentDropped));
            }
        };
        Some(self.ask(tag, question, Event::AppendNext(next)))
    }

    /// A URL behind a message is a literal: that is part of the command.
    fn literal_behind_content(&mut self, tag: Tag, before: AppendLiteral, announced: Announcement) -> Option<Step> {
        if let Err(status) = self.take_literal(announced) {
            self.consume_command();
            self.refuse_literal(Some(tag), status, announced);
            return Some(Step::Event(Event::ContentDropped));
        }
        self.phase = Phase::BehindContent { tag, literal: before };
        None
    }

    /// Refuses a command at a literal: now if the client waits, else when the octets that come anyway have passed.
    pub(super) fn refuse_literal(&mut self, tag: Option<Tag>, status: Status, literal: Announcement) {
        match literal.form {
            LiteralForm::Synchronising => {
                self.phase = Phase::Commands;
                self.refuse(tag.as_ref(), &status);
            }
            LiteralForm::NonSynchronising => {
                self.phase = Phase::Discarding(Discarding { tag, status, left: 0, discarded: 0 });
                self.discard_literal(literal.octets);
            }
        }
    }

    /// Refuses a command at a line, when its end is found.
    pub(super) fn discard_line(&mut self, tag: Option<Tag>, status: Status) {
        self.literals = 0;
        self.input.drop_read();
        self.phase = Phase::Discarding(Discarding { tag, status, left: 0, discarded: 0 });
    }

    pub(super) fn too_long() -> Status {
        Status::new(Condition::Bad, "the line is too long").with(CodeWord::TooBig)
    }

    /// Throws away a literal, unless that is more than we do; then the session closes.
    fn discard_literal(&mut self, octets: u64) {
        if let Phase::Discarding(discarding) = &mut self.phase {
            discarding.left = octets;
        }
        self.count_discarded(octets);
    }

    fn count_discarded(&mut self, octets: u64) {
        // Before somebody has authenticated, nobody may keep us busy.
        let octets_max = match self.state {
            State::NotAuthenticated => u64::try_from(self.config.limits.early_command_octets_max).unwrap_or(u64::MAX),
            State::Authenticated { .. } | State::Selected { .. } => self.config.limits.discarded_octets_max,
        };
        let Phase::Discarding(discarding) = &mut self.phase else { return };
        discarding.discarded = discarding.discarded.saturating_add(octets);
        if discarding.discarded > octets_max {
            let (tag, status) = (discarding.tag.clone(), discarding.status.clone());
            self.say(tag.as_ref(), &status);
            self.close("more than is read and thrown away, closing");
        }
    }

    /// Throws away what was refused.
    pub(super) fn discard(&mut self) -> Option<Step> {
        let Phase::Discarding(discarding) = &mut self.phase else { return None };
        discarding.left = self.input.skip_octets(discarding.left);
        if discarding.left > 0 {
            return Some(Step::NeedInput);
        }
        let before = self.input.unused().len();
        let skipped = self.input.skip_line();
        let gone = before.saturating_sub(self.input.unused().len());
        self.count_discarded(u64::try_from(gone).unwrap_or(u64::MAX));
        let Phase::Discarding(discarding) = &mut self.phase else { return None };
        match skipped {
            Skipped::Part => return Some(Step::NeedInput),
            Skipped::UpTo(Announcement { octets, form: LiteralForm::NonSynchronising }) => self.discard_literal(octets),
            Skipped::UpTo(_) | Skipped::Command => {
                let (tag, status) = (discarding.tag.take(), discarding.status.clone());
                self.phase = Phase::Commands;
                self.refuse(tag.as_ref(), &status);
            }
        }
        None
    }
}
