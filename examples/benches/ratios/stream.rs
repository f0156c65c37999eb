//! What metering adds to each frame of a stream, beside passing it on and reading its usage alone.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use token_budget::stream::{StreamOptions, WireReader};
use token_budget::wire::StreamMeter;
use token_budget::{Budget, Call, Enforcer, MeteredStream, Policy, Scope, Usd, Window};

use crate::timing::{Bench, Run, Work};

/// Frames of one answer.
const FRAMES: usize = 500;

pub fn report(run: &Run) {
    let frames = frames();
    let mut bench = Bench::new(
        "a frame of a stream (aim: at most a microsecond above passing it on)",
        "passed on",
        passed_on(&frames),
    );
    bench.add("its usage read: StreamMeter", None, read(&frames));
    bench.add("metered: MeteredStream, slices of 256", None, metered(&frames, StreamOptions::SLICE_TOKENS));
    bench.add("metered, a slice for each frame", None, metered(&frames, 8));
    bench.run(run, 1);
}

type Frames = Arc<Vec<Vec<u8>>>;

/// An answer whose frames are there at once.
struct Answer {
    frames: Frames,
    next: usize,
}

impl Stream for Answer {
    type Item = Result<Vec<u8>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let frame = self.frames.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(frame.map(Ok))
    }
}

/// Takes one frame an iteration from answer after answer.
fn taking<S: Stream + Unpin + Send + 'static>(begin: impl Fn() -> S + Send + 'static) -> Vec<Work> {
    let mut stream = begin();
    vec![Box::new(move |iterations| {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..iterations {
            match Pin::new(&mut stream).poll_next(&mut context) {
                Poll::Ready(Some(frame)) => drop(black_box(frame)),
                Poll::Ready(None) => stream = begin(),
                Poll::Pending => unreachable!("every frame is there"),
            }
        }
    })]
}

fn passed_on(frames: &Frames) -> Vec<Work> {
    let frames = Arc::clone(frames);
    taking(move || Answer { frames: Arc::clone(&frames), next: 0 })
}

fn read(frames: &Frames) -> Vec<Work> {
    let frames = Arc::clone(frames);
    let (mut meter, mut next) = (StreamMeter::new(Some("openai")), 0);
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let frame = frames[next].clone();
            meter.push(black_box(&frame));
            next += 1;
            if next == frames.len() {
                let whole = std::mem::replace(&mut meter, StreamMeter::new(Some("openai")));
                black_box(whole.finish());
                next = 0;
            }
        }
    })]
}

fn metered(frames: &Frames, slice: u64) -> Vec<Work> {
    let frames = Arc::clone(frames);
    let team = Scope::team("search").unwrap();
    let budgets = [
        Budget::usd("month", team.clone(), Usd::dollars(1_000_000), Window::month()),
        Budget::usd("day", team, Usd::dollars(1_000_000), Window::day()),
    ];
    let enforcer = Enforcer::builder().policy(Policy::new(budgets).unwrap()).build();
    taking(move || {
        let options = StreamOptions::slices(slice);
        let call = Call::new("gpt-4o").team("search").input_tokens(1_000).streaming(slice);
        let in_flight = enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send();
        let answer = Answer { frames: Arc::clone(&frames), next: 0 };
        MeteredStream::new(in_flight, answer, WireReader::new(Some("openai")), options)
    })
}

/// An answer of OpenAI's: a word a frame, the usage in the last.
fn frames() -> Frames {
    let word = |word: usize| {
        format!(
            "data: {{\"id\":\"chatcmpl-0123456789abcdefghijklmn\",\"object\":\"chat.completion.chunk\",\"created\":1764713372,\
             \"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0123456789\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word {word}\"}},\"logprobs\":null,\"finish_reason\":null}}],\
             \"usage\":null}}\n\n"
        )
    };
    let mut frames: Vec<_> = (0..FRAMES).map(|at| word(at).into_bytes()).collect();
    let usage = r#"{"prompt_tokens":1000,"completion_tokens":1000,"total_tokens":2000}"#;
    let end = r#"{"index":0,"delta":{},"finish_reason":"stop"}"#;
    frames.push(format!("data: {{\"choices\":[{end}],\"usage\":null}}\n\n").into_bytes());
    frames.push(format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n").into_bytes());
    Arc::new(frames)
}
