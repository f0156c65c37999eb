//! Which streams could there be, made of members that mean something somewhere?

/// Numbers that look random, and are the same for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % end.max(1) as u64).unwrap()
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn word(&mut self, of: &'static str) -> &'static str {
        self.one(&of.split(' ').collect::<Vec<_>>())
    }
}

const KEYS: &str = "choices delta content text message response type id model object usage finish_reason \
    candidates parts thought thinking reasoning tool_calls function arguments input contentBlockDelta \
    reasoningContent done error status metadata service_tier sequence_number obfuscation created_at p index \
    output item usageMetadata responseId custom_id serverContent modelTurn embedding output_text refusal \
    promptTokenCount";

const VALUES: &str = r#"null true false 1 27 "" "a" "b" "usage" "stop" "thought" "compaction_delta" "response.output_text.delta" "response.reasoning.delta" "response.output_text.done" "response.done" "message_stop" "message" "chat.completion" "batch" "in_progress" "é\n\u00e9" "TEXT" "TEXT""#;

/// Along these ways lies text.
const WAYS: [&str; 8] = [
    r#"{"choices":[{"delta":{"content":"TEXT",HERE},HERE}],HERE}"#,
    r#"{HERE,"choices":[{HERE,"delta":{"tool_calls":[{"function":{"arguments":"TEXT"}}]}}]}"#,
    r#"{HERE,"delta":{HERE,"text":"TEXT"},HERE}"#,
    r#"{HERE,"delta":"TEXT",HERE}"#,
    r#"{HERE,"candidates":[{"content":{"parts":[{"text":"TEXT",HERE},{HERE}]}}],HERE}"#,
    r#"{"contentBlockDelta":{"delta":{"reasoningContent":{"text":"TEXT"},HERE}},HERE}"#,
    r#"{HERE,"message":{HERE,"content":"TEXT"},HERE}"#,
    r#"{HERE,"response":"TEXT",HERE}"#,
];

const TEXTS: [&str; 12] = [
    "x",
    "word",
    "",
    " usage",
    "é漢",
    "\\n",
    "a\\\"b",
    "stop",
    "\\u00e9",
    "0",
    "a line: ======================================================================",
    "}",
];

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(if depth == 0 { 1 } else { 6 }) {
        0 | 1 => random.word(VALUES).to_owned(),
        2 => format!("[{}]", value(random, depth - 1)),
        _ => object(random, depth - 1),
    }
}

fn member(random: &mut Random, depth: usize) -> String {
    format!("\"{}\":{}", random.word(KEYS), value(random, depth))
}

fn object(random: &mut Random, depth: usize) -> String {
    let members: Vec<String> = (0..random.below(4)).map(|_| member(random, depth)).collect();
    format!("{{{}}}", members.join(","))
}

fn on_a_way(random: &mut Random) -> String {
    let parts: Vec<&str> = random.one(&WAYS).split("HERE").collect();
    let mut frame = parts[0].to_owned();
    for part in &parts[1..] {
        let member = match random.below(3) {
            0 => member(random, 2),
            _ => format!("\"{}\":{}", random.word("id index role type"), random.word(VALUES)),
        };
        frame = frame + &member + part;
    }
    frame
}

/// A stream of a few forms, each said a few times with other text, and sometimes other names.
pub(super) fn frames_of(random: &mut Random) -> Vec<String> {
    let mut frames = Vec::new();
    for _ in 0..1 + random.below(4) {
        let form = if random.below(4) == 0 { object(random, 4) } else { on_a_way(random) };
        for _ in 0..1 + random.below(4) {
            let mut frame = form.replace("TEXT", random.one(&TEXTS));
            if random.below(8) == 0 {
                frame = frame.replace("27", "28").replace("\"a\"", "\"c\"");
            }
            frames.push(format!("data: {frame}\n\n"));
        }
        if random.below(10) == 0 {
            frames.push("data: [DONE]\n\n".to_owned());
        }
    }
    frames
}
