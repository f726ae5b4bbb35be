//! Runs decisions that rest on DNS: asks the world what they ask, within a time.

use std::collections::BTreeMap;
use std::time::Duration;

use delivery::dns::{Answer, Decision, Question, Step};
use mail::time::Timestamp;

use crate::world::{First, World, first};

/// All questions of one notice, or of one decision of a job, together (protocol section 2).
const INQUIRY_MAX: Duration = Duration::from_secs(5);

/// How long an answer is believed within one session, whatever its own lifetime.
const BELIEVED_FOR: Duration = Duration::from_mins(1);

/// Answers one session remembers: a batch of notices asks about one domain again and again.
const ANSWERS_MAX: usize = 256;

/// What one session or job has learnt from DNS.
#[derive(Default)]
pub struct Inquirer {
    answers: BTreeMap<Question, Answer>,
    since: Option<Timestamp>,
    deadline: Option<Timestamp>,
}

impl Inquirer {
    /// The decisions from here to the next call share one time: they are about one notice.
    pub fn begin(&mut self, world: &dyn World) {
        self.deadline = Some(world.after(INQUIRY_MAX));
    }

    /// Decides, asking DNS for each fact that is missing. What is not answered in time is a temporary failure.
    pub async fn decide<D: Decision>(&mut self, world: &dyn World, mut step: Step<D>) -> D::Verdict {
        let now = world.now();
        if self.answers.len() > ANSWERS_MAX || self.since.is_none_or(|since| now.since(since) > BELIEVED_FOR) {
            self.answers.clear();
            self.since = Some(now);
        }
        let deadline = self.deadline.unwrap_or(now + INQUIRY_MAX);
        loop {
            match step {
                Step::Done(verdict) => return verdict,
                Step::Ask(question, inquiry) => {
                    let answer = self.ask(world, question, deadline).await;
                    step = inquiry.answer(answer);
                }
            }
        }
    }

    async fn ask(&mut self, world: &dyn World, question: Question, deadline: Timestamp) -> Answer {
        if let Some(answer) = self.answers.get(&question) {
            return answer.clone();
        }
        let answer = match first(world.ask(question.clone()), world.sleep_until(deadline)).await {
            First::Left(answer) => answer,
            First::Right(()) => Answer::Temporary(format!("{question} was not answered in time")),
        };
        // Trouble too: hundreds of notices in a row must not each wait for a server that does not answer.
        self.answers.insert(question, answer.clone());
        answer
    }
}
