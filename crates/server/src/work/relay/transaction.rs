//! One mail transaction of ordinary SMTP: one message, its recipients at one server, a reply for each.

use delivery::relay::Carriage;
use futures_util::future::{BoxFuture, join, ready};
use mail::status::Status;
use proto::limits::Timeouts;
use proto::smtp::command::{ChunkPlace, Command, Mail, Rcpt};
use proto::smtp::reply::Reply;
use store::StoreError;

use super::letter::{Source, SourceError};
use crate::peer::{PeerError, PeerSession};

/// Chunks without a reply: the next is on its way while the last is answered.
const CHUNKS_UNANSWERED_MAX: usize = 2;

/// What the server did for one recipient.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It took the message: the final reply.
    Taken(Reply),
    /// It refused it for good.
    Refused(Reply),
    /// It did not take it now.
    Deferred(Reply),
    /// It has enough recipients for one transaction, and took some. What it said.
    Surplus(Reply),
    /// All was sent, and the reply was lost: it may have the message.
    Unanswered(String),
    /// The session broke before all was sent: it has nothing.
    Broken(String),
    /// The content can't be read, or nothing be recorded: our own trouble.
    Unreadable(String),
}

/// Whether the session can be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Usable,
    Over,
}

/// Records that the end of the content is about to leave, for the recipients at these places.
pub(super) type Leaving<'a> = Box<dyn FnOnce(Vec<usize>) -> BoxFuture<'a, Result<(), NotLeaving>> + Send + 'a>;

/// Why it must not leave.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotLeaving {
    /// For one of them the message is no longer to be passed on. The rest go in a transaction of their own.
    #[error("the message was taken back for a recipient while it was passed on")]
    TakenBack,
    /// It could not be recorded.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a transaction ended early.
#[derive(Debug, thiserror::Error)]
enum Broke {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    NotLeaving(#[from] NotLeaving),
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The end of the content has not left.
    Incomplete,
    /// It may have.
    Complete,
}

struct Transaction<'a> {
    peer: &'a mut PeerSession,
    timeouts: Timeouts,
    outcomes: Vec<Option<Outcome>>,
    stage: Stage,
    leaving: Option<Leaving<'a>>,
}

/// Runs the transaction; what came of it for each recipient, in order. The end of the content waits for `leaving`.
pub(super) async fn run<'a>(
    peer: &'a mut PeerSession,
    timeouts: Timeouts,
    envelope: (Mail, Vec<Rcpt>),
    (source, carriage): (Source, Carriage),
    leaving: Leaving<'a>,
) -> (Vec<Outcome>, After) {
    let (mail, recipients) = envelope;
    let outcomes = vec![None; recipients.len()];
    let mut transaction = Transaction { peer, timeouts, outcomes, stage: Stage::Incomplete, leaving: Some(leaving) };
    let ended = transaction.run(mail, recipients, source, carriage).await;
    let Transaction { outcomes, stage, .. } = transaction;
    let (after, reason) = match &ended {
        Ok(after) => (*after, "the session ended".to_owned()),
        Err(error) => (After::Over, error.to_string()),
    };
    let open = || match (&ended, stage) {
        (Err(Broke::Source(_) | Broke::NotLeaving(NotLeaving::Store(_))), _) => Outcome::Unreadable(reason.clone()),
        (_, Stage::Complete) => Outcome::Unanswered(reason.clone()),
        (_, Stage::Incomplete) => Outcome::Broken(reason.clone()),
    };
    (outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(open)).collect(), after)
}

impl<'a> Transaction<'a> {
    async fn run(&mut self, mail: Mail, recipients: Vec<Rcpt>, source: Source, carriage: Carriage) -> Result<After, Broke> {
        let pipelines = self.peer.capabilities().has("PIPELINING");
        self.peer.send_smtp(&Command::Mail(mail))?;
        if pipelines {
            // RFC 2920 section 3.1: DATA may be the last of a group, BDAT's octets must not be sent in vain.
            for recipient in &recipients {
                self.peer.send_smtp(&Command::Rcpt(recipient.clone()))?;
            }
            if carriage == Carriage::Data {
                self.peer.send_smtp(&Command::Data)?;
            }
        }
        let reply = self.peer.reply().await?;
        if !reply.is_success() {
            self.answer_open(&reply);
            return self.drain(&reply, pipelines, recipients.len(), carriage).await;
        }
        let mut closing = false;
        for (place, recipient) in recipients.into_iter().enumerate() {
            if !pipelines {
                self.peer.send_smtp(&Command::Rcpt(recipient))?;
            }
            let reply = self.peer.reply().await?;
            closing |= reply.code == 421;
            if !reply.is_success()
                && let Some(outcome) = self.outcomes.get_mut(place)
            {
                *outcome = Some(if is_surplus(&reply) { Outcome::Surplus(reply) } else { refusal(&reply) });
            }
        }
        if !self.has_open() {
            self.no_one_to_spare();
            return self.without_recipients(pipelines, closing, carriage).await;
        }
        match carriage {
            Carriage::Data => self.data(pipelines, source).await,
            Carriage::Chunks => self.chunks(source).await,
        }
    }

    /// The replies to what was sent behind a refused MAIL.
    async fn drain(&mut self, refused: &Reply, pipelines: bool, recipients: usize, carriage: Carriage) -> Result<After, Broke> {
        if refused.code == 421 {
            return Ok(After::Over);
        }
        if pipelines {
            for _ in 0..recipients {
                self.peer.reply().await?;
            }
            if carriage == Carriage::Data {
                return self.nothing_after_data().await;
            }
        }
        Ok(After::Usable)
    }

    async fn without_recipients(&mut self, pipelines: bool, closing: bool, carriage: Carriage) -> Result<After, Broke> {
        if closing {
            return Ok(After::Over);
        }
        if pipelines && carriage == Carriage::Data {
            self.nothing_after_data().await?;
        }
        self.reset().await
    }

    /// RFC 2920 section 3.1: a 354 that comes though no recipient was taken is answered by no content at all.
    async fn nothing_after_data(&mut self) -> Result<After, Broke> {
        let reply = self.peer.reply_within(self.timeouts.data_initiation).await?;
        if reply.is_intermediate() {
            self.peer.end_content().await?;
            self.peer.reply_within(self.timeouts.data_end).await?;
        }
        Ok(After::Usable)
    }

    async fn data(&mut self, pipelines: bool, mut source: Source) -> Result<After, Broke> {
        if !pipelines {
            self.peer.send_smtp(&Command::Data)?;
        }
        let recorded = self.record_leaving();
        let (reply, recorded) = join(self.peer.reply_within(self.timeouts.data_initiation), recorded).await;
        let reply = reply?;
        if !reply.is_intermediate() {
            self.answer_open(&reply);
            return if reply.code == 421 { Ok(After::Over) } else { self.reset().await };
        }
        recorded?;
        loop {
            let piece = source.next().await?;
            if piece.is_empty() {
                break;
            }
            if let Err(error) = self.peer.write_content(&piece).await {
                return self.broken_off(error).await;
            }
        }
        self.stage = Stage::Complete;
        self.peer.end_content().await?;
        let reply = self.peer.reply_within(self.timeouts.data_end).await?;
        self.answer_open(&reply);
        Ok(if reply.code == 421 { After::Over } else { After::Usable })
    }

    async fn chunks(&mut self, mut source: Source) -> Result<After, Broke> {
        self.record_leaving().await?;
        let mut unanswered = 0;
        let mut piece = source.next().await?;
        loop {
            // RFC 3030 section 2: the last chunk says that it is, so one is read ahead.
            let next = if piece.is_empty() { Vec::new() } else { source.next().await? };
            let place = if next.is_empty() { ChunkPlace::Last } else { ChunkPlace::Middle };
            if place == ChunkPlace::Last {
                self.stage = Stage::Complete;
            }
            if let Err(error) = self.peer.write_chunk(&piece, place).await {
                return if self.stage == Stage::Complete { Err(error.into()) } else { self.broken_off(error).await };
            }
            unanswered += 1;
            let all = place == ChunkPlace::Last;
            while unanswered >= if all { 1 } else { CHUNKS_UNANSWERED_MAX } {
                let is_final = all && unanswered == 1;
                let patience = if is_final { self.timeouts.data_end } else { self.timeouts.reply };
                let reply = self.peer.reply_within(patience).await?;
                unanswered -= 1;
                if is_final || !reply.is_success() {
                    return self.chunks_answered(&reply, unanswered, is_final).await;
                }
            }
            piece = next;
        }
    }

    /// The last reply to the chunks; what was sent behind a refused one is answered, too.
    async fn chunks_answered(&mut self, reply: &Reply, unanswered: usize, is_final: bool) -> Result<After, Broke> {
        self.answer_open(reply);
        if reply.code == 421 {
            return Ok(After::Over);
        }
        for _ in 0..unanswered {
            self.peer.reply().await?;
        }
        if is_final { Ok(After::Usable) } else { self.reset().await }
    }

    /// The connection broke within the content: perhaps the server said why.
    async fn broken_off(&mut self, error: PeerError) -> Result<After, Broke> {
        match self.peer.last_word().await {
            Some(reply) if reply.is_permanent() || reply.is_temporary() => {
                self.answer_open(&reply);
                Ok(After::Over)
            }
            Some(_) | None => Err(error.into()),
        }
    }

    async fn reset(&mut self) -> Result<After, Broke> {
        self.peer.send_smtp(&Command::Rset)?;
        let reply = self.peer.reply().await?;
        Ok(if reply.is_success() { After::Usable } else { After::Over })
    }

    /// For those who are still to be answered for.
    fn record_leaving(&mut self) -> BoxFuture<'a, Result<(), NotLeaving>> {
        let open = self.outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_none()).map(|(place, _)| place).collect();
        match self.leaving.take() {
            Some(leaving) => leaving(open),
            None => Box::pin(ready(Ok(()))),
        }
    }

    fn has_open(&self) -> bool {
        self.outcomes.iter().any(Option::is_none)
    }

    /// Too many recipients, and yet none was taken: there is nothing to repeat at once. What the server said to each stays
    /// its word: it may have meant that one alone, whose mailbox is full (RFC 5321 section 4.2.3).
    fn no_one_to_spare(&mut self) {
        for outcome in self.outcomes.iter_mut().flatten() {
            if let Outcome::Surplus(reply) = outcome {
                *outcome = Outcome::Deferred(reply.clone());
            }
        }
    }

    /// What all that is still open comes to.
    fn answer_open(&mut self, reply: &Reply) {
        for outcome in self.outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = Some(if reply.is_success() { Outcome::Taken(reply.clone()) } else { refusal(reply) });
        }
    }
}

/// RFC 5321 section 4.5.3.1.10: both codes say "too many recipients"; 552 is the older one.
fn is_surplus(reply: &Reply) -> bool {
    // RFC 3463 section 3.6: X.5.3, too many recipients.
    let says_so = |status| status == Status::temporary(5, 3) || status == Status::permanent(5, 3);
    matches!(reply.code, 452 | 552) && reply.status.is_none_or(says_so)
}

/// Anything but a clear no is tried again.
fn refusal(reply: &Reply) -> Outcome {
    if reply.is_permanent() { Outcome::Refused(reply.clone()) } else { Outcome::Deferred(reply.clone()) }
}
