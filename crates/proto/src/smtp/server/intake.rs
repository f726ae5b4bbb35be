//! A transaction and its content: by DATA with dots, or by BDAT with lengths; streamed, never held.

use mail::envelope::{Body, Envelope};

use super::{Event, Mail, Phase, Question, Session, Step};
use crate::limits::Limits;
use crate::smtp::command::{self, ChunkPlace};
use crate::smtp::content::LineEnds;
use crate::smtp::replies;
use crate::smtp::reply::Reply;

/// One mail transaction, from MAIL to its end.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    pub(super) progress: Progress,
    pub(super) intake: Intake,
}

/// What a transaction takes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Recipients, or content.
    Envelope,
    /// More chunks.
    Chunks,
}

/// The content so far.
#[derive(Debug, Default)]
pub(super) struct Intake {
    octets: u64,
    /// Octets that were read and thrown away.
    discarded: u64,
    ends: LineEnds,
    verdict: Verdict,
}

/// What became of the content so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Verdict {
    /// The driver has none of it.
    #[default]
    Fresh,
    /// The driver has some of it.
    Given,
    /// Refused: what follows is read and thrown away.
    Refused(Refusal),
}

/// Why the session refuses content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    TooLarge,
    BareLineEnd,
}

/// Octets of the open transaction that follow BDAT.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    left: u64,
    octets: u64,
    place: ChunkPlace,
}

impl Transaction {
    pub(super) fn open(mail: Mail) -> Self {
        let envelope = Envelope {
            reverse_path: mail.reverse_path,
            body: mail.body.unwrap_or_default(),
            smtputf8: mail.smtputf8,
            returns: mail.returns,
            envelope_id: mail.envelope_id,
            way: mail.way,
            recipients: Vec::new(),
        };
        Self { envelope, progress: Progress::Envelope, intake: Intake::default() }
    }
}

impl Refusal {
    fn reply(self) -> Reply {
        match self {
            Self::TooLarge => replies::message_too_large(),
            Self::BareLineEnd => replies::bare_line_end_in_content(),
        }
    }
}

impl Intake {
    /// Whether the driver has content that is not complete.
    pub(super) fn given(&self) -> bool {
        self.verdict == Verdict::Given
    }

    fn refusal(&self) -> Option<Refusal> {
        match self.verdict {
            Verdict::Refused(refusal) => Some(refusal),
            Verdict::Fresh | Verdict::Given => None,
        }
    }

    /// Content for the driver; nothing if it is refused or empty.
    fn give(&mut self, content: Vec<u8>) -> Option<Step> {
        if content.is_empty() || self.refusal().is_some() {
            return None;
        }
        self.octets += length(&content);
        self.verdict = Verdict::Given;
        Some(Step::Event(Event::Content(content)))
    }

    fn refuse(&mut self, refusal: Refusal) -> Option<Step> {
        let given = self.given();
        self.verdict = Verdict::Refused(refusal);
        given.then_some(Step::Event(Event::ContentDropped))
    }

    /// Counts octets of refused content; whether that is still bearable.
    fn bears(&mut self, octets: usize, limits: &Limits) -> bool {
        if self.refusal().is_some() {
            self.discarded = self.discarded.saturating_add(u64::try_from(octets).unwrap_or(u64::MAX));
        }
        self.discarded <= limits.discarded_octets_max
    }
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}

impl Session {
    /// BDAT. Its octets are read whether or not it is in order (RFC 3030 section 2).
    pub(super) fn bdat(&mut self, chunk: command::Chunk) -> Option<Step> {
        let limits = &self.config.limits;
        let refusal = match &mut self.transaction {
            None => replies::mail_first(),
            Some(transaction) if transaction.envelope.recipients.is_empty() => replies::recipient_first(),
            Some(transaction) => {
                transaction.progress = Progress::Chunks;
                self.phase = Phase::Chunk(Chunk { left: chunk.octets, octets: chunk.octets, place: chunk.place });
                let octets = transaction.intake.octets.saturating_add(chunk.octets);
                let too_large = octets > limits.message_octets_max && transaction.intake.refusal().is_none();
                return if too_large { transaction.intake.refuse(Refusal::TooLarge) } else { None };
            }
        };
        if chunk.octets > limits.discarded_octets_max {
            self.close(&replies::too_much_refused());
        } else {
            self.phase = Phase::StrayChunk { left: chunk.octets, reply: refusal };
        }
        None
    }

    /// Reads content that dots end.
    pub(super) fn next_dotted(&mut self) -> Option<Step> {
        let (Phase::Data(reader), Some(transaction)) = (&mut self.phase, &mut self.transaction) else {
            return self.lost_transaction();
        };
        let limits = &self.config.limits;
        let unused = self.input.unused();
        if unused.is_empty() {
            return Some(Step::NeedInput);
        }
        let piece_max = limits.content_chunk_octets_max.saturating_sub(reader.held_octets()).max(1);
        let piece = unused.get(..piece_max).unwrap_or(unused);
        let mut content = Vec::with_capacity(if transaction.intake.refusal().is_some() { 0 } else { piece.len() });
        let used = reader.read(piece, &mut content);
        let (ended, bare) = (reader.ended(), reader.bare());
        self.input.consume(used);

        let intake = &mut transaction.intake;
        // The content in front of half a line end was appended, so its size came first.
        let step = if intake.refusal().is_some() {
            None
        } else if intake.octets.saturating_add(length(&content)) > limits.message_octets_max {
            intake.refuse(Refusal::TooLarge)
        } else if bare.is_some() {
            intake.refuse(Refusal::BareLineEnd)
        } else {
            intake.give(content)
        };
        if !intake.bears(used, limits) && !ended {
            self.close(&replies::too_much_refused());
        } else if ended {
            self.content_ended();
        }
        step
    }

    /// Reads content of a length that was announced.
    pub(super) fn next_chunked(&mut self) -> Option<Step> {
        let (Phase::Chunk(chunk), Some(transaction)) = (&mut self.phase, &mut self.transaction) else {
            return self.lost_transaction();
        };
        let limits = &self.config.limits;
        let unused = self.input.unused();
        if unused.is_empty() && chunk.left > 0 {
            return Some(Step::NeedInput);
        }
        let count_max = usize::try_from(chunk.left).unwrap_or(usize::MAX).min(limits.content_chunk_octets_max);
        let piece = unused.get(..count_max).unwrap_or(unused);
        let used = piece.len();
        chunk.left = chunk.left.saturating_sub(length(piece));
        let (ended, place) = (chunk.left == 0, chunk.place);

        let intake = &mut transaction.intake;
        let strict = transaction.envelope.body != Body::BinaryMime;
        let mut ends_well = !strict || intake.refusal().is_some() || intake.ends.take(piece).is_ok();
        if ended && place == ChunkPlace::Last {
            ends_well = ends_well && (!strict || intake.ends.end().is_ok());
        }
        let step = if ends_well || intake.refusal().is_some() { intake.give(piece.to_vec()) } else { intake.refuse(Refusal::BareLineEnd) };
        self.input.consume(used);
        if !intake.bears(used, limits) && !ended {
            self.close(&replies::too_much_refused());
        } else if ended {
            self.chunk_ended();
        }
        step
    }

    /// Throws octets away, then refuses the BDAT that announced them.
    pub(super) fn next_stray(&mut self) -> Option<Step> {
        let Phase::StrayChunk { left, reply } = &mut self.phase else { return None };
        let available = self.input.unused().len();
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(available);
        *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        let (ended, reply) = (*left == 0, reply.clone());
        self.input.consume(count);
        if !ended {
            return Some(Step::NeedInput);
        }
        self.phase = Phase::Commands;
        self.refuse(&reply)
    }

    /// Yields the message.
    pub(super) fn complete(&mut self) -> Option<Step> {
        match self.transaction.take() {
            Some(transaction) => Some(self.ask(Question::Message, Event::Message(Box::new(transaction.envelope)))),
            None => self.lost_transaction(),
        }
    }

    /// The last chunk, or the final dot, was read.
    fn content_ended(&mut self) {
        match self.transaction.as_ref().and_then(|transaction| transaction.intake.refusal()) {
            Some(refusal) => {
                self.transaction = None;
                self.phase = Phase::Commands;
                self.answers.say(&refusal.reply());
            }
            None => self.phase = Phase::ContentComplete,
        }
    }

    fn chunk_ended(&mut self) {
        let (Phase::Chunk(chunk), Some(transaction)) = (&self.phase, &self.transaction) else { return };
        if chunk.place == ChunkPlace::Last {
            return self.content_ended();
        }
        // A chunk behind a refused one meets the same reply, until LAST or RSET.
        let reply = transaction.intake.refusal().map_or_else(|| replies::chunk_ok(chunk.octets), Refusal::reply);
        self.phase = Phase::Commands;
        self.answers.say(&reply);
    }

    /// Content has a transaction: it was opened before the phase began, and only its end or a reset closes it.
    fn lost_transaction(&mut self) -> Option<Step> {
        self.phase = Phase::Commands;
        self.refuse(&replies::mail_first())
    }
}
