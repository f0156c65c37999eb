//! Is an answer of any API charged what its text can have been, whatever is reported, whole and streamed?

use serde_json::{Value, json};

use crate::http_support::{Pieces, admitted, gate, house};
use crate::support::Dice;
use crate::usage_scripts::SCRIPTS;
use crate::wire_support::frame;

/// The languages in which answers come.
#[derive(Clone, Copy, Debug)]
enum Api {
    Messages,
    Responses,
    Gemini,
    Converse,
    Cohere,
    Ollama,
}

const APIS: [Api; 6] = [Api::Messages, Api::Responses, Api::Gemini, Api::Converse, Api::Cohere, Api::Ollama];

impl Api {
    /// The path, and a request that lets 8,000 tokens of an own model come.
    fn request(self, streams: bool) -> (&'static str, String) {
        let chat = json!([{"role": "user", "content": "say much"}]);
        let (path, body) = match self {
            Self::Messages => (
                "/v1/messages",
                json!({"model": "milli", "max_tokens": 8_000, "stream": streams, "messages": chat}),
            ),
            Self::Responses => (
                "/v1/responses",
                json!({"model": "milli", "max_output_tokens": 8_000, "stream": streams, "input": "say much"}),
            ),
            Self::Gemini => (
                if streams {
                    "/v1beta/models/milli:streamGenerateContent"
                } else {
                    "/v1beta/models/milli:generateContent"
                },
                json!({"contents": [{"role": "user", "parts": [{"text": "say much"}]}],
                    "generationConfig": {"maxOutputTokens": 8_000}}),
            ),
            Self::Converse => (
                if streams { "/model/milli/converse-stream" } else { "/model/milli/converse" },
                json!({"messages": [{"role": "user", "content": [{"text": "say much"}]}],
                    "inferenceConfig": {"maxTokens": 8_000}}),
            ),
            Self::Cohere => (
                "/v2/chat",
                json!({"model": "milli", "max_tokens": 8_000, "stream": streams, "messages": chat}),
            ),
            Self::Ollama => (
                "/api/chat",
                json!({"model": "milli", "stream": streams, "messages": chat, "options": {"num_predict": 8_000}}),
            ),
        };
        (path, body.to_string())
    }

    /// The figures in this API's names; null ones are left out.
    fn usage(self, input: &Value, output: &Value) -> Value {
        let (inputs, outputs) = match self {
            Self::Messages | Self::Responses => ("input_tokens", "output_tokens"),
            Self::Gemini => ("promptTokenCount", "candidatesTokenCount"),
            Self::Converse => ("inputTokens", "outputTokens"),
            Self::Cohere => ("input_tokens", "output_tokens"),
            Self::Ollama => ("prompt_eval_count", "eval_count"),
        };
        let figures = [(inputs, input), (outputs, output)];
        let told = figures.into_iter().filter(|(_, figure)| !figure.is_null());
        Value::Object(told.map(|(name, figure)| (name.to_owned(), figure.clone())).collect())
    }

    fn whole(self, text: &str, usage: &Value) -> Value {
        match self {
            Self::Messages => {
                json!({"id": "m", "type": "message", "model": "milli", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": usage})
            }
            Self::Responses => {
                json!({"id": "r", "object": "response", "status": "completed", "model": "milli",
                "output": [item(text)], "usage": usage})
            }
            Self::Gemini => json!({"modelVersion": "milli", "usageMetadata": usage,
                "candidates": [{"content": {"parts": [{"text": text}]}, "finishReason": "STOP"}]}),
            Self::Converse => {
                json!({"output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                "stopReason": "end_turn", "usage": usage})
            }
            Self::Cohere => {
                json!({"id": "c", "finish_reason": "COMPLETE", "usage": {"tokens": usage, "billed_units": usage},
                "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}})
            }
            Self::Ollama => with(
                json!({"model": "milli", "message": {"role": "assistant", "content": text}, "done": true,
                    "done_reason": "stop"}),
                usage,
            ),
        }
    }

    /// One piece of a stream.
    fn piece(self, text: &str) -> Value {
        match self {
            Self::Messages => {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            }
            Self::Responses => {
                json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text})
            }
            Self::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
            Self::Converse => json!({"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}),
            Self::Cohere => {
                json!({"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": text}}}})
            }
            Self::Ollama => {
                json!({"model": "milli", "message": {"role": "assistant", "content": text}, "done": false})
            }
        }
    }

    /// The frames that end a stream of that text.
    fn end(self, text: &str, usage: &Value) -> Vec<Value> {
        match self {
            Self::Messages => vec![
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}),
                json!({"type": "message_stop"}),
            ],
            Self::Responses => vec![
                json!({"type": "response.output_item.done", "output_index": 0, "item": item(text)}),
                json!({"type": "response.completed", "response": self.whole(text, usage)}),
            ],
            Self::Gemini => {
                vec![
                    json!({"candidates": [{"content": {"parts": []}, "finishReason": "STOP"}], "usageMetadata": usage}),
                ]
            }
            Self::Converse => {
                vec![
                    json!({"messageStop": {"stopReason": "end_turn"}}),
                    json!({"metadata": {"usage": usage}}),
                ]
            }
            Self::Cohere => {
                vec![
                    json!({"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": usage, "billed_units": usage}}}),
                ]
            }
            Self::Ollama => vec![self.whole("", usage)],
        }
    }

    /// Documents as this API frames them.
    fn framed(self, frames: &[Value]) -> (&'static str, Vec<Vec<u8>>) {
        let frames = frames.iter();
        match self {
            Self::Converse => (
                "application/vnd.amazon.eventstream",
                frames.map(|document| frame(document.to_string().as_bytes())).collect(),
            ),
            Self::Ollama => (
                "application/x-ndjson",
                frames.map(|document| format!("{document}\n").into_bytes()).collect(),
            ),
            _ => (
                "text/event-stream",
                frames.map(|document| format!("data: {document}\n\n").into_bytes()).collect(),
            ),
        }
    }

    fn answer(
        self,
        dice: &mut Dice,
        streams: bool,
        text: &str,
        usage: &Value,
    ) -> (&'static str, Vec<Vec<u8>>) {
        if !streams {
            return ("application/json", vec![self.whole(text, usage).to_string().into_bytes()]);
        }
        let mut frames = Vec::new();
        // Responses may show all of it in the event that ends an item, and nothing in pieces.
        if !matches!(self, Self::Responses) || dice.below(3) > 0 {
            let signs: Vec<char> = text.chars().collect();
            let size = usize::try_from(dice.below(40) + 1).unwrap();
            frames.extend(signs.chunks(size).map(|piece| self.piece(&piece.iter().collect::<String>())));
        }
        frames.extend(self.end(text, usage));
        self.framed(&frames)
    }
}

fn item(text: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
}

fn with(mut document: Value, more: &Value) -> Value {
    let members = document.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    document
}

/// What the answer is charged: input and output.
fn charged(
    api: Api,
    streams: bool,
    (kind, pieces): (&'static str, Vec<Vec<u8>>),
) -> (Option<u64>, Option<u64>) {
    let house = house("1000000");
    let (path, request) = api.request(streams);
    let headers = [("content-type", kind)];
    let (tell, heard) = std::sync::mpsc::channel();
    let answered = admitted(&gate(&house), path, &request).send().answered(200, &headers);
    let mut body = answered.meter(Pieces::of(pieces)).on_ended(move |receipt| {
        tell.send(receipt.map(|receipt| (receipt.usage().input(), receipt.usage().output()))).unwrap();
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while let std::task::Poll::Ready(Some(_)) =
        futures_core::Stream::poll_next(std::pin::Pin::new(&mut body), &mut context)
    {}
    heard.recv().unwrap().expect("an answer that came is charged")
}

/// A figure that may be a lie, or missing.
fn figure(dice: &mut Dice, bytes: u64) -> Value {
    match dice.below(6) {
        0 => json!(0),
        1 => json!(1),
        2 => json!(bytes / 65),
        3 => json!(bytes.div_ceil(64)),
        4 => Value::Null,
        _ => json!(dice.below(bytes + 1)),
    }
}

/// No answer of b bytes is charged fewer than b/64 tokens; a figure of as many or more is charged as it is.
#[test]
fn no_answer_of_any_api_is_charged_less_than_its_text_or_other_than_a_figure_that_can_be() {
    let mut dice = Dice::new("no_answer_of_any_api");
    let rounds = std::env::var("TOKEN_BUDGET_ANSWERS").ok().and_then(|count| count.parse().ok());
    for number in 0..rounds.unwrap_or(600_u64) {
        let api = APIS[usize::try_from(number).unwrap() % APIS.len()];
        let streams = dice.below(2) == 0;
        let script = SCRIPTS[usize::try_from(dice.below(SCRIPTS.len() as u64)).unwrap()].1;
        let most = usize::try_from(dice.below(3_000) + 1).unwrap();
        let text: String = script.chars().cycle().take(most).collect();
        let bytes = u64::try_from(text.len()).unwrap();
        let (input, output) = (figure(&mut dice, 10), figure(&mut dice, bytes));
        let usage = api.usage(&input, &output);

        let charges = charged(api, streams, api.answer(&mut dice, streams, &text, &usage));

        let said = format!("answer {number}, {api:?}, stream {streams}: {bytes} bytes, reported {usage}");
        assert!(charges.1 >= Some(bytes.div_ceil(64)), "{charges:?}; {said}");
        assert!(charges.0 >= Some(1), "no input is charged: {charges:?}; {said}");
        if let Some(told) = output.as_u64().filter(|told| *told >= bytes.div_ceil(64)) {
            assert_eq!(charges.1, Some(told), "{said}");
        }
        if let Some(told) = input.as_u64().filter(|told| *told > 0) {
            assert_eq!(charges.0, Some(told), "{said}");
        }
    }
}
