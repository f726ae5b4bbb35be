//! A command, and what of all that is told answers it.

use super::{Event, Misuse, Session};
use crate::imap::command::Command;
use crate::imap::response::{Condition, Data, Status};

/// Something that is asked by one command.
pub trait Question: Sized {
    /// What is answered.
    type Answer;

    /// How it is asked.
    fn command(&self) -> Command;

    /// Takes what belongs to the answer, and gives back what does not.
    ///
    /// # Errors
    /// It is more than was asked for.
    fn take(&mut self, data: Data) -> Result<Option<Data>, Unanswered>;

    /// The answer, when all of it was told.
    ///
    /// # Errors
    /// Something that an answer must have was not told.
    fn answer(self, status: Status) -> Result<Self::Answer, Unanswered>;
}

/// A question that has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// The server's decision; its text says why.
    #[error("the server refused: {}", .0.text)]
    Refused(Status),
    /// The server does not know the command, or not in this form: one of us two has to learn it.
    #[error("the server did not understand: {}", .0.text)]
    NotUnderstood(Status),
    /// The server closes the connection, and may be asked again later.
    #[error("the server closed the connection: {}", .0.text)]
    Closed(Status),
    /// The server misbehaved: it told more than was asked for.
    #[error("the server told more than was asked for")]
    TooMuch,
    /// The server misbehaved: it said that it had answered, and had not.
    #[error("the server said OK and told nothing")]
    NotTold,
}

/// A question that was asked.
#[derive(Debug)]
pub struct Asked<Q>(Q);

/// What an event was to a question.
#[derive(Debug)]
pub enum Heard<Q: Question> {
    /// A part of the answer: there is more to come.
    Part(Asked<Q>),
    /// Nothing to do with it.
    Beside(Asked<Q>, Event),
    /// The answer.
    Answer(Q::Answer),
    /// There is none.
    Unanswered(Unanswered),
}

impl Session {
    /// Asks something; give the events that follow to [`Asked::hear`].
    ///
    /// # Errors
    /// As [`Session::send`].
    pub fn ask<Q: Question>(&mut self, question: Q) -> Result<Asked<Q>, Misuse> {
        self.send(question.command())?;
        Ok(Asked(question))
    }

    /// Asks something behind what is asked already, without waiting for that answer.
    ///
    /// # Errors
    /// As [`Session::send_behind`].
    pub fn ask_behind<Q: Question>(&mut self, question: Q) -> Result<Asked<Q>, Misuse> {
        self.send_behind(question.command())?;
        Ok(Asked(question))
    }
}

impl<Q: Question> Asked<Q> {
    /// Takes the next event. Of questions that were asked behind each other, the oldest that has no answer hears it first, and
    /// what it gives back is for the next.
    pub fn hear(mut self, event: Event) -> Heard<Q> {
        match event {
            Event::Data(data) => match self.0.take(data) {
                Ok(None) => Heard::Part(self),
                Ok(Some(data)) => Heard::Beside(self, Event::Data(data)),
                Err(unanswered) => Heard::Unanswered(unanswered),
            },
            Event::Done(status) => match status.condition {
                Condition::Ok => self.0.answer(status).map_or_else(Heard::Unanswered, Heard::Answer),
                Condition::No => Heard::Unanswered(Unanswered::Refused(status)),
                _ => Heard::Unanswered(Unanswered::NotUnderstood(status)),
            },
            Event::Closing(status) => Heard::Unanswered(Unanswered::Closed(status)),
            event => Heard::Beside(self, event),
        }
    }
}
