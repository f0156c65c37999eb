//! What is written down of a request? One line, with no secret and nothing of a prompt in it.

use serde_json::json;
use std::io::{Write, stdout};
use token_budget::time::{SystemClock, Timestamp};
use token_budget::{Clock, Receipt};

/// One request, written as a line of JSON when it is dropped: when its answer has ended, however that came.
#[derive(Default)]
pub(crate) struct Line {
    /// Nothing is written without.
    began: Option<Timestamp>,
    pub(crate) key: Option<String>,
    method: String,
    path: String,
    pub(crate) model: Option<String>,
    /// Messages of the conversation for which there was no room.
    pub(crate) left_out: Option<usize>,
    pub(crate) status: u16,
    /// Tokens in, tokens out, dollars, and how sure they are.
    charged: Option<(Option<u64>, Option<u64>, String, String)>,
}

impl Line {
    /// A request of that method to that path. Its query is left out: some clients send a key in it.
    pub(crate) fn of(method: &str, path: &str) -> Self {
        let began = Some(SystemClock.now());
        Self {
            began,
            key: None,
            method: plain(method),
            path: plain(path),
            model: None,
            left_out: None,
            status: 0,
            charged: None,
        }
    }

    /// What the call was charged; nothing where nobody said what it used, so that it was charged what it held.
    pub(crate) fn charged(&mut self, receipt: Option<&Receipt>) {
        self.charged = receipt.map(|receipt| {
            let (usage, certainty) = (receipt.usage(), format!("{:?}", receipt.certainty()).to_lowercase());
            (usage.input(), usage.output(), receipt.cost().to_string(), certainty)
        });
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some(began) = self.began else { return };
        let (input, output, usd, certainty) =
            self.charged.take().map_or((None, None, None, None), |charged| {
                (charged.0, charged.1, Some(charged.2), Some(charged.3))
            });
        // Names were checked when they were read; JSON escapes the rest.
        let line = json!({
            "time": began.to_string(), "key": self.key, "method": self.method, "path": self.path, "model": self.model,
            "left_out": self.left_out, "status": self.status, "input": input, "output": output, "usd": usd, "charge": certainty,
            "ms": u64::try_from(SystemClock.now().since(began).as_millis()).unwrap_or(u64::MAX),
        });
        // Whoever read the log may be gone; the gateway goes on.
        drop(writeln!(stdout(), "{line}"));
    }
}

/// As much of a text as a line needs, in characters that every terminal shows alike.
fn plain(text: &str) -> String {
    const BYTES_MAX: usize = 200;
    let shown = |byte: u8| {
        if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    let mut line: String = text.bytes().take(BYTES_MAX).map(shown).collect();
    if text.len() > BYTES_MAX {
        line.push('…');
    }
    line
}
