//! What does a provider bill that works on by its own clock, whoever listens?

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::support::Dice;

/// What an answer says of its usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figures {
    Honest,
    /// No input beside a prompt.
    NoInput,
    /// No output beside a text.
    NoOutput,
    Empty,
    Null,
    Absent,
    AsText,
    Fraction,
    Negative,
    /// One token, said before the text and never again.
    Early,
}

impl Figures {
    pub(super) const ALL: [Self; 10] = [
        Self::Honest,
        Self::NoInput,
        Self::NoOutput,
        Self::Empty,
        Self::Null,
        Self::Absent,
        Self::AsText,
        Self::Fraction,
        Self::Negative,
        Self::Early,
    ];

    fn usage(self, input: u64, output: u64) -> Option<Value> {
        Some(match self {
            Self::Honest => {
                json!({"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output})
            }
            Self::NoInput => json!({"prompt_tokens": 0, "completion_tokens": output, "total_tokens": output}),
            Self::NoOutput => json!({"prompt_tokens": input, "completion_tokens": 0, "total_tokens": input}),
            Self::Empty => json!({}),
            Self::Null => Value::Null,
            Self::AsText => json!({"prompt_tokens": input.to_string(), "completion_tokens": "1"}),
            Self::Fraction => json!({"prompt_tokens": 0.5, "completion_tokens": 0.5}),
            Self::Negative => json!({"prompt_tokens": -5, "completion_tokens": -7}),
            Self::Absent | Self::Early => return None,
        })
    }
}

/// Nano-dollars a token, in and out.
fn rates(model: &str) -> (u64, u64) {
    match model {
        "gpt-4o" => (2_500, 10_000),
        "gpt-5" => (1_250, 10_000),
        "gpt-3.5-turbo-instruct" => (1_500, 2_000),
        other => panic!("the provider does not sell {other}"),
    }
}

/// The most that a model generates where nobody sets a limit, and its own limit.
fn model_maximum(model: &str) -> u64 {
    match model {
        "gpt-4o" => 16_384,
        "gpt-5" => 128_000,
        _ => 16,
    }
}

/// One request at work.
#[derive(Debug)]
struct Job {
    model: String,
    /// Each choice says so many tokens; all choices are said at once.
    choices: u64,
    hidden_left: u64,
    visible_left: u64,
    generated: u64,
    input: u64,
    tokens_a_second: u64,
    /// Works to its end though nobody listens.
    goes_on: bool,
    streams: bool,
    figures: Figures,
    wire: Arc<Mutex<Wire>>,
    /// Stops at that instant, since nobody listens any more.
    stops_at: Option<Duration>,
    /// Milliseconds that made no whole token yet, times the speed.
    carried: u64,
    text: String,
    is_over: bool,
}

/// The connection between both.
#[derive(Debug, Default)]
pub(super) struct Wire {
    frames: VecDeque<Vec<u8>>,
    /// Tokens in frames that nobody has taken.
    waiting: u64,
    tokens_of_frames: VecDeque<u64>,
    pub(super) has_ended: bool,
    is_gone: bool,
}

/// The reader's end: dropping it hangs up.
#[derive(Debug)]
pub(super) struct Line(Arc<Mutex<Wire>>);

impl Stream for Line {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut wire = self.0.lock();
        let Some(frame) = wire.frames.pop_front() else {
            return if wire.has_ended { Poll::Ready(None) } else { Poll::Pending };
        };
        let tokens = wire.tokens_of_frames.pop_front().unwrap_or(0);
        wire.waiting -= tokens;
        Poll::Ready(Some(Ok(frame)))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.0.lock().is_gone = true;
    }
}

/// A provider that bills what it generates as it generates it.
#[derive(Debug, Default)]
pub(super) struct Provider {
    jobs: Vec<Job>,
    now: Duration,
    /// Nano-dollars.
    pub(super) billed: u64,
    /// Of these, for visible text of streams that were left before it was read.
    pub(super) unread: u64,
}

const WORDS: [&str; 4] = [" sea", " wind", " rain", " tree"];

impl Provider {
    /// Takes a request on as it was sent, and bills its input.
    pub(super) fn take(&mut self, path: &str, body: &[u8], figures: Figures, dice: &mut Dice) -> Line {
        let body: Value = serde_json::from_slice(body).expect("the gate sends JSON");
        let model = body["model"].as_str().expect("a model").to_owned();
        let prompts = if path.ends_with("/chat/completions") {
            1
        } else {
            body["prompt"].as_array().map_or(1, |prompts| prompts.len() as u64)
        };
        let n = ["n", "best_of"].iter().filter_map(|name| body[*name].as_u64()).max().unwrap_or(1);
        let limit = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
        let limit = limit.iter().find_map(|name| body[*name].as_u64()).unwrap_or(model_maximum(&model));
        let limit = limit.min(if model == "gpt-3.5-turbo-instruct" { 4_096 } else { model_maximum(&model) });
        // Half of all requests use all that they may.
        let wanted = if dice.one_in(2) { limit } else { 1 + dice.below(limit) };
        let goes_on = body["background"] == true;
        let hidden = match model.as_str() {
            _ if goes_on => wanted,
            "gpt-5" => dice.below(wanted + 1),
            _ => 0,
        };
        let text = body["messages"][0]["content"].as_str().or(body["input"].as_str()).unwrap_or("word");
        let input = prompts * text.split_whitespace().count() as u64;
        let wire = Arc::default();
        let job = Job {
            choices: prompts * n,
            hidden_left: hidden,
            visible_left: wanted - hidden,
            generated: 0,
            input,
            tokens_a_second: 50 + dice.below(451),
            goes_on,
            streams: body["stream"] == true,
            figures,
            wire: Arc::clone(&wire),
            stops_at: None,
            carried: 0,
            text: String::new(),
            is_over: false,
            model,
        };
        self.bill(&job, input, 0);
        if goes_on {
            job.say_queued();
        }
        self.jobs.push(job);
        Line(wire)
    }

    fn bill(&mut self, job: &Job, input: u64, output: u64) {
        let (per_input, per_output) = rates(&job.model);
        self.billed += input * per_input + output * per_output;
    }

    /// Works on for that long.
    pub(super) fn work(&mut self, span: Duration, dice: &mut Dice) {
        self.now += span;
        let mut jobs = std::mem::take(&mut self.jobs);
        for job in &mut jobs {
            self.advance(job, span, dice);
        }
        jobs.retain(|job| !job.is_over);
        self.jobs = jobs;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.jobs.is_empty()
    }

    fn advance(&mut self, job: &mut Job, span: Duration, dice: &mut Dice) {
        if job.wire.lock().is_gone && !job.goes_on && job.stops_at.is_none() {
            // It takes a while to notice, and generates meanwhile.
            job.stops_at = Some(self.now - span + Duration::from_millis(dice.below(4_000)));
            let (_, per_output) = rates(&job.model);
            self.unread += std::mem::take(&mut job.wire.lock().waiting) * per_output;
        }
        let works_until = job.stops_at.unwrap_or(self.now).min(self.now);
        let works = works_until.saturating_sub(self.now - span).min(span);
        let worth = u64::try_from(works.as_millis()).expect("short") * job.tokens_a_second + job.carried;
        job.carried = worth % 1_000;
        self.generate(job, worth / 1_000);
        let is_done = job.hidden_left + job.visible_left == 0;
        if is_done {
            job.finish();
        } else if job.stops_at.is_some_and(|at| at <= self.now) {
            job.is_over = true;
        }
    }

    /// So many tokens of each choice: first what nobody sees, then what is said.
    fn generate(&mut self, job: &mut Job, tokens: u64) {
        let hidden = tokens.min(job.hidden_left);
        let visible = (tokens - hidden).min(job.visible_left);
        job.hidden_left -= hidden;
        job.visible_left -= visible;
        let all = (hidden + visible) * job.choices;
        job.generated += all;
        self.bill(job, 0, all);
        if job.stops_at.is_some() {
            // Only what a stream would have shown is nobody's fault here.
            let never_thinks = job.model != "gpt-5";
            let (_, per_output) = rates(&job.model);
            self.unread += if job.streams && never_thinks { all * per_output } else { 0 };
            return;
        }
        job.say(hidden, visible);
    }
}

impl Job {
    fn say_queued(&self) {
        let response = json!({"id": "resp_1", "object": "response", "status": "queued", "background": true, "model": self.model, "output": [], "usage": null});
        let mut wire = self.wire.lock();
        if self.streams {
            let event = json!({"type": "response.created", "response": response});
            wire.push(format!("event: response.created\ndata: {event}\n\n"), 0);
        } else {
            wire.push(response.to_string(), 0);
            wire.has_ended = true;
        }
    }

    fn say(&mut self, hidden: u64, visible: u64) {
        let mut wire = self.wire.lock();
        if !self.streams {
            self.text.extend((0..visible).map(|at| WORDS[at as usize % WORDS.len()]));
            return;
        }
        if hidden > 0 {
            wire.push(": ping\n\n".to_owned(), 0);
        }
        if visible == 0 {
            return;
        }
        if self.figures == Figures::Early && self.text.is_empty() {
            let usage = json!({"prompt_tokens": self.input, "completion_tokens": 1});
            wire.push(format!("data: {}\n\n", json!({"choices": [], "usage": usage})), 0);
        }
        let text: String = (0..visible).map(|at| WORDS[at as usize % WORDS.len()]).collect();
        for choice in 0..self.choices {
            let delta = json!({"index": choice, "delta": {"content": text}, "finish_reason": null});
            let chunk = json!({"id": "x", "object": "chat.completion.chunk", "model": self.model, "choices": [delta]});
            wire.push(format!("data: {chunk}\n\n"), visible);
        }
        self.text.push('x');
    }

    fn finish(&mut self) {
        self.is_over = true;
        let mut wire = self.wire.lock();
        wire.has_ended = true;
        if self.goes_on {
            return;
        }
        let usage = self.figures.usage(self.input, self.generated);
        if self.streams {
            let end = |choice| json!({"index": choice, "delta": {}, "finish_reason": "stop"});
            let ends: Vec<Value> = (0..self.choices).map(end).collect();
            wire.push(format!("data: {}\n\n", json!({"id": "x", "model": self.model, "choices": ends})), 0);
            if let Some(usage) = usage {
                wire.push(
                    format!(
                        "data: {}\n\n",
                        json!({"id": "x", "model": self.model, "choices": [], "usage": usage})
                    ),
                    0,
                );
            }
            wire.push("data: [DONE]\n\n".to_owned(), 0);
            return;
        }
        let choice = |index| json!({"index": index, "message": {"role": "assistant", "content": self.text}, "text": self.text, "finish_reason": "stop"});
        let choices: Vec<Value> = (0..self.choices).map(choice).collect();
        let mut body = json!({"id": "x", "model": self.model, "choices": choices});
        if let Some(usage) = usage {
            body["usage"] = usage;
        }
        wire.push(body.to_string(), 0);
    }
}

impl Wire {
    fn push(&mut self, frame: String, tokens: u64) {
        self.frames.push_back(frame.into_bytes());
        self.tokens_of_frames.push_back(tokens);
        self.waiting += tokens;
    }
}
