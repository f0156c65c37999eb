//! How does an answer look on the wire?
//!
//! `frames` cuts it into frames and knows how many tokens each stands for; one
//! file for each API puts the words in.

mod anthropic;
mod errors;
mod frames;
mod openai_chat;
mod openai_responses;

use bytes::Bytes;

pub(super) use frames::Frame;

use self::frames::Frames;
use super::answer::Answer;
use super::reply::Breaks;
use super::request::{Dialect, Request};

pub(super) use errors::error_body;

/// The answer in its API's shape: the frames of a stream, or one frame that is the whole body.
pub(super) fn frames(
    answer: &Answer<'_>,
    request: &Request<'_>,
    dialect: Dialect,
    breaks: Breaks,
) -> Vec<Frame> {
    if !request.stream {
        let body = match dialect {
            Dialect::Chat => openai_chat::body(answer),
            Dialect::Responses => openai_responses::body(answer),
            Dialect::Messages => anthropic::body(answer),
        };
        return vec![whole(body.to_string(), answer, breaks)];
    }
    let mut frames = Frames::of(answer);
    match dialect {
        Dialect::Chat => openai_chat::stream(answer, request.include_usage(), &mut frames),
        Dialect::Responses => openai_responses::stream(answer, &mut frames),
        Dialect::Messages => anthropic::stream(answer, &mut frames),
    }
    frames.finish(breaks)
}

/// A frame that is the whole body.
fn whole(body: String, answer: &Answer<'_>, breaks: Breaks) -> Frame {
    let mut body = body.into_bytes();
    match breaks {
        Breaks::Malformed => body.truncate(body.len() / 2),
        Breaks::WithoutEnd => body.truncate(body.len().saturating_sub(1)),
        Breaks::Nowhere | Breaks::ResetAfter(_) => {}
    }
    Frame {
        bytes: Bytes::from(body),
        generated: answer.usage.output().unwrap_or(0),
        shown: answer.shown(),
        says_usage: answer.told.is_some(),
    }
}
