//! Are honest answers believed, in whatever script and form they are written?

use token_budget::ledger::Certainty;
use token_budget::tokens::{FamilyEstimator, TiktokenEstimator};
use token_budget::wire::{StreamMeter, UsageReport, extract};
use token_budget::{Budget, Call, Enforcer, Policy, Receipt, Scope, TokenEstimator, Usd, Window};

use crate::http_support::{Pieces, read_some};
use crate::support::ready;

/// A sentence or two of each script.
pub(crate) const SCRIPTS: [(&str, &str); 42] = [
    (
        "Latin",
        "The committee met on Tuesday and agreed that the old bridge should be repaired before the winter.",
    ),
    (
        "Latin, German",
        "Die Donaudampfschifffahrtsgesellschaft veröffentlichte gestern ihren Rechenschaftsbericht.",
    ),
    ("Latin, Vietnamese", "Hôm qua trời mưa rất to nên chúng tôi ở nhà đọc sách và uống trà nóng."),
    ("Latin, Turkish", "Çekoslovakyalılaştıramadıklarımızdan mısınız diye sordular ve güldüler."),
    ("Latin, Yoruba", "Ọmọ náà ń lọ sí ilé ẹ̀kọ́ ní òwúrọ̀ kùtùkùtù pẹ̀lú àwọn ọ̀rẹ́ rẹ̀."),
    ("Greek", "Η θάλασσα ήταν ήρεμη και ο ήλιος έδυε πίσω από τα βουνά του νησιού."),
    ("Cyrillic", "Вчера вечером мы долго гуляли по набережной и говорили о прошлом лете."),
    ("Cyrillic, Ukrainian", "Уранці туман підіймався над річкою, і пташки вже співали в садку."),
    ("Armenian", "Մեր տան առջև մի մեծ ծիրանի ծառ կա, որի տակ ամռանը միշտ զով է։"),
    ("Georgian", "საქართველოს მთებში ზამთარი გრძელია, მაგრამ გაზაფხული ძალიან ლამაზია."),
    ("Hebrew", "אתמול בערב הלכנו לאורך החוף ודיברנו על הקיץ שעבר ועל הימים הבאים."),
    ("Yiddish", "די קינדער האָבן געשפּילט אין גאָרטן ביז די זון איז אונטערגעגאַנגען."),
    ("Arabic", "ذهبنا أمس إلى السوق القديم واشترينا التمر والقهوة ثم عدنا إلى البيت قبل الغروب."),
    ("Persian", "دیروز باران شدیدی بارید و کوچه‌های شهر پر از بوی خاک خیس شده بود."),
    ("Urdu", "کل شام ہم دریا کے کنارے بیٹھے رہے اور پرانی باتیں یاد کرتے رہے۔"),
    ("Syriac", "ܒܪܫܝܬ ܐܝܬܘܗܝ ܗܘܐ ܡܠܬܐ ܘܗܘ ܡܠܬܐ ܐܝܬܘܗܝ ܗܘܐ ܠܘܬ ܐܠܗܐ."),
    ("Thaana", "މިއަދު އަހަރެމެން އަތޮޅުގެ ރީތި ރަށަކަށް ދިޔައިން."),
    ("Devanagari", "कल शाम को हम नदी के किनारे टहलने गए और बहुत देर तक बातें करते रहे।"),
    ("Devanagari, Nepali", "हिमालको काखमा बसेको यो सानो गाउँमा बिहानको घाम निकै न्यानो हुन्छ।"),
    ("Bengali", "গতকাল সন্ধ্যায় আমরা নদীর ধারে হাঁটতে গিয়েছিলাম এবং অনেকক্ষণ গল্প করেছিলাম।"),
    ("Gurmukhi", "ਕੱਲ੍ਹ ਸ਼ਾਮ ਨੂੰ ਅਸੀਂ ਖੇਤਾਂ ਵਿੱਚ ਘੁੰਮਣ ਗਏ ਅਤੇ ਬਹੁਤ ਗੱਲਾਂ ਕੀਤੀਆਂ।"),
    ("Gujarati", "ગઈકાલે સાંજે અમે નદી કિનારે ફરવા ગયા અને ઘણી વાતો કરી."),
    ("Odia", "ଗତକାଲି ସନ୍ଧ୍ୟାରେ ଆମେ ନଦୀ କୂଳରେ ବୁଲିବାକୁ ଯାଇଥିଲୁ।"),
    ("Tamil", "நேற்று மாலை நாங்கள் ஆற்றங்கரையில் நடந்து நீண்ட நேரம் பேசிக்கொண்டிருந்தோம்."),
    ("Telugu", "నిన్న సాయంత్రం మేము నది ఒడ్డున నడుస్తూ చాలా సేపు మాట్లాడుకున్నాము."),
    ("Kannada", "ನಿನ್ನೆ ಸಂಜೆ ನಾವು ನದಿಯ ದಡದಲ್ಲಿ ನಡೆಯುತ್ತಾ ಬಹಳ ಹೊತ್ತು ಮಾತನಾಡಿದೆವು."),
    ("Malayalam", "ഇന്നലെ വൈകുന്നേരം ഞങ്ങൾ പുഴയുടെ തീരത്ത് നടന്ന് ഏറെനേരം സംസാരിച്ചു."),
    ("Sinhala", "ඊයේ සවස අපි ගඟ අසල ඇවිදිමින් බොහෝ වේලා කතා කළෙමු."),
    ("Thai", "เมื่อวานตอนเย็นเราไปเดินเล่นริมแม่น้ำและคุยกันเป็นเวลานานจนฟ้ามืด"),
    ("Lao", "ມື້ວານນີ້ຕອນແລງພວກເຮົາໄປຍ່າງຫຼິ້ນແຄມນ້ຳຂອງແລະລົມກັນດົນນານ"),
    ("Khmer", "ម្សិលមិញនៅពេលល្ងាចយើងបានដើរលេងតាមមាត់ទន្លេហើយនិយាយគ្នាយ៉ាងយូរ។"),
    ("Burmese", "မနေ့ညနေက ကျွန်တော်တို့ မြစ်ကမ်းနားမှာ လမ်းလျှောက်ရင်း အကြာကြီး စကားပြောခဲ့ကြတယ်။"),
    ("Tibetan", "ཁ་སང་དགོང་དྲོ་ང་ཚོ་གཙང་པོའི་འགྲམ་དུ་འཆམ་འཆམ་ལ་ཕྱིན་པ་ཡིན།"),
    ("Mongolian", "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ ᠪᠢᠴᠢᠭ ᠦᠨ ᠰᠤᠷᠭᠠᠯᠲᠠ ᠶᠢ ᠰᠤᠷᠴᠤ ᠪᠠᠢᠨ᠎ᠠ᠃"),
    ("Ethiopic", "ትናንት ማታ በወንዙ ዳርቻ እየተራመድን ለረጅም ጊዜ ስለ ድሮው ጊዜ ተነጋገርን።"),
    ("Cherokee", "ᎣᏏᏲ, ᏙᎯᏧ? ᎠᏂᏴᏫᏯᎢ ᎤᏂᏬᏂᏍᎩ ᎠᏂᏔᎵ ᎢᏳᎾᏕᏘᏴᏓ."),
    ("Inuktitut", "ᐃᓄᐃᑦ ᐅᖃᐅᓯᖓ ᐃᓄᒃᑎᑐᑦ ᐊᑐᖅᑕᐅᕗᖅ ᓄᓇᕗᒻᒥ ᐅᓪᓗᑕᒫᑦ."),
    ("Chinese, simplified", "昨天傍晚我们沿着河边散步，聊了很久关于去年夏天的事情，直到天完全黑下来。"),
    ("Chinese, traditional", "昨天傍晚我們沿著河邊散步，聊了很久關於去年夏天的事情，直到天完全黑下來。"),
    ("Japanese", "昨日の夕方、私たちは川沿いを散歩しながら、去年の夏のことを長い間話しました。"),
    ("Korean", "어제 저녁 우리는 강변을 산책하면서 지난여름에 있었던 일을 오랫동안 이야기했다."),
    ("Yi", "ꆈꌠꉙ ꁱꂷ ꌠ ꆀꄮ ꅐꀨ ꐯꇁ ꌌꊿ ꃅꄷ."),
];

/// Answers that are no prose.
pub(crate) fn forms() -> Vec<(&'static str, String)> {
    let rows = |row: &str| row.repeat(40);
    vec![
        (
            "table",
            format!(
                "| name | count | share |\n|------|-------|-------|\n{}",
                rows("| alpha | 12,345 | 67.8 % |\n")
            ),
        ),
        ("padded table", rows(&format!("{:<60}|{:>40}|\n", "left", "right"))),
        ("box", format!("┌{0}┐\n{1}└{0}┘\n", "─".repeat(78), rows(&format!("│{}│\n", " ".repeat(78))))),
        ("Rust", rows("    fn next(&mut self) -> Option<u64> {\n        self.0.checked_add(1)\n    }\n\n")),
        ("deeply indented", rows(&format!("{}return None;\n", " ".repeat(48)))),
        ("tabs", rows("\t\t\t\t\t\t\tif x {\n\t\t\t\t\t\t\t}\n")),
        ("blank lines", "a\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n".repeat(60)),
        ("blanks", format!("from{}to", " ".repeat(6_000))),
        ("banner", rows(&format!("{}\n=== PART ONE ===\n{}\n", "=".repeat(120), "=".repeat(120)))),
        ("stars", rows(&format!("{}\n", "*".repeat(100)))),
        ("base64", rows("TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz")),
        ("hex", rows("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")),
        ("zeros", "0".repeat(4_000)),
        ("emoji", "👩‍👩‍👧‍👦🏳️‍🌈😀🎉🇺🇦✨🚀❤️‍🔥".repeat(60)),
        ("minified JSON", rows(r#"{"id":1234,"ok":true,"tags":["a","b"],"nested":{"x":null,"y":[1,2,3]}},"#)),
        ("one character", "好".repeat(2_000)),
        ("long words", "internationalization responsibilities ".repeat(150)),
        ("URLs", rows("https://example.com/a/b/c?d=e&f=g#h-1234567890\n")),
        ("LaTeX", rows(r"\frac{\partial u}{\partial t} = \alpha \nabla^2 u + \sum_{i=1}^{n} x_i \\ ")),
        ("dotted contents", rows(&format!("Chapter {} 12\n", ".".repeat(90)))),
    ]
}

fn enforcer(estimator: impl TokenEstimator) -> Enforcer {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(1_000_000), Window::day())]).unwrap();
    Enforcer::builder().policy(policy).estimator(estimator).build()
}

fn body(model: &str, text: &str, output: u64) -> String {
    serde_json::json!({
        "model": model, "choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": output, "total_tokens": output + 12},
    })
    .to_string()
}

fn streamed(model: &str, text: &str, output: u64) -> UsageReport {
    let mut meter = StreamMeter::new(None);
    let chars: Vec<char> = text.chars().collect();
    // A token is never cut: one of a hundred blanks comes in one piece.
    for piece in chars.chunks(128) {
        let piece: String = piece.iter().collect();
        let frame =
            serde_json::json!({"model": model, "choices": [{"index": 0, "delta": {"content": piece}}]});
        meter.push(format!("data: {frame}\n\n").as_bytes());
    }
    let last = serde_json::json!({
        "model": model, "choices": [],
        "usage": {"prompt_tokens": 12, "completion_tokens": output, "total_tokens": output + 12},
    });
    meter.push(format!("data: {last}\n\ndata: [DONE]\n\n").as_bytes());
    meter.finish()
}

fn charged(enforcer: &Enforcer, model: &str, report: UsageReport) -> Receipt {
    let call = Call::new(model).team("search").input_tokens(12).output_tokens(16_000);
    enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send().reconcile(report).wait().unwrap()
}

fn corpus() -> Vec<(&'static str, String)> {
    let mut corpus = forms();
    for (name, text) in SCRIPTS {
        corpus.push((name, text.to_owned()));
        corpus.push((name, format!("{text} ").repeat(30)));
    }
    corpus
}

/// Every vocabulary that a model may have writes these in fewer tokens than an impossible figure has.
#[test]
fn an_honest_answer_is_charged_as_it_was_reported_whatever_it_is_written_in() {
    let words = TiktokenEstimator::new();
    let enforcer = enforcer(FamilyEstimator::new());
    for (name, text) in corpus() {
        let bytes = u64::try_from(text.len()).unwrap();
        let signs: Vec<char> = text.chars().collect();
        let is_new = |pair: &&[char]| pair[1].is_alphanumeric() || pair[0] != pair[1];
        let signs = 1 + u64::try_from(signs.windows(2).filter(is_new).count()).unwrap();
        let lines = u64::try_from(text.lines().count()).unwrap();
        let counts = [
            ("o200k", words.count_text("gpt-4o", &text).tokens),
            ("cl100k", words.count_text("gpt-4", &text).tokens),
            // A dense vocabulary: six signs a token, a run of one sign in tokens of 128, two signs a line.
            ("dense", signs.div_ceil(6) + bytes.div_ceil(128) + 2 * lines),
        ];
        for (vocabulary, output) in counts {
            for model in ["claude-sonnet-4-5", "gpt-4o", "mistral-large-latest"] {
                let body = body(model, &text, output);
                for report in [extract(None, body.as_bytes(), []).unwrap(), streamed(model, &text, output)] {
                    let receipt = charged(&enforcer, model, report);
                    let found = (receipt.usage().output(), receipt.certainty());
                    assert_eq!(
                        found,
                        (Some(output), Certainty::Reported),
                        "{name} by {vocabulary}, {bytes} bytes"
                    );
                }
            }
        }
    }
}

/// The same through the gate, where the answer is counted once more by the model's own vocabulary.
#[test]
fn an_honest_answer_passes_the_count_by_its_models_own_vocabulary() {
    use token_budget::http::{HttpBudget, RequestHead, Ruling};
    let words = TiktokenEstimator::new();
    let enforcer = enforcer(TiktokenEstimator::new());
    let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search")));
    let spent = || {
        let none = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(0);
        ready(enforcer.check(&none)).unwrap().budgets()[0].spent
    };
    for (name, text) in corpus() {
        for (model, output_nanos, input_nanos) in [("gpt-4o", 10_000, 2_500), ("gpt-4-turbo", 30_000, 10_000)]
        {
            let output = words.count_text(model, &text).tokens;
            let request = format!(
                r#"{{"model":"{model}","max_tokens":4000,"messages":[{{"role":"user","content":"hi"}}]}}"#
            );
            for streams in [false, true] {
                let kind = if streams { "text/event-stream" } else { "application/json" };
                let headers = [("content-type", kind)];
                let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
                let Ruling::Admitted(admitted) = ready(gate.admit(&head, request.as_bytes())) else {
                    panic!("{name} was not admitted")
                };
                let body = body(model, &text, output);
                // In pieces of a letter each, a stream counts as more than it is.
                let frames = |text: &str| -> Vec<String> {
                    let delta = |piece: char| {
                        let piece = piece.to_string();
                        let frame =
                            serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
                        format!("data: {frame}\n\n")
                    };
                    let last = format!(
                        "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":12,\"completion_tokens\":{output}}}}}\n\ndata: [DONE]\n\n"
                    );
                    text.chars().map(delta).chain([last]).collect()
                };
                let pieces = if streams { frames(&text) } else { vec![body] };
                let before = spent();
                read_some(admitted.send().answered(200, &headers), Pieces::of(pieces), usize::MAX);
                ready(enforcer.flush()).unwrap();
                let due = i64::try_from(output).unwrap() * output_nanos + 12 * input_nanos;
                assert_eq!(spent() - before, due, "{name}, {model}, streamed: {streams}");
            }
        }
    }
}

/// What a chat with gpt-4o is charged whose answer goes through the gate in those pieces.
fn spent_on(estimator: impl TokenEstimator, kind: &str, pieces: Vec<String>) -> i64 {
    use token_budget::http::{HttpBudget, RequestHead, Ruling};
    let enforcer = enforcer(estimator);
    let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search")));
    let headers = [("content-type", kind)];
    let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
    let request = br#"{"model":"gpt-4o","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]}"#;
    let Ruling::Admitted(admitted) = ready(gate.admit(&head, request)) else { panic!("it was not admitted") };
    read_some(admitted.send().answered(200, &headers), Pieces::of(pieces), usize::MAX);
    ready(enforcer.flush()).unwrap();
    let none = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(0);
    ready(enforcer.check(&none)).unwrap().budgets()[0].spent
}

/// Each blank came in a frame of its own, too short to be a run: 6,006 bytes seemed 94 tokens at least, and the 50
/// that were reported were not believed.
#[test]
fn blanks_that_came_one_by_one_are_weighed_together() {
    let text = format!("from{}to", " ".repeat(6_000));
    let frames = || {
        let delta = |piece: char| {
            let piece = piece.to_string();
            let frame = serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
            format!("data: {frame}\n\n")
        };
        let usage = r#"data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":50}}"#;
        text.chars().map(delta).chain([format!("{usage}\n\ndata: [DONE]\n\n")]).collect()
    };

    // 12 tokens at 2,500 nano-dollars and 50 at 10,000.
    assert_eq!(spent_on(FamilyEstimator::new(), "text/event-stream", frames()), 530_000);
    assert_eq!(spent_on(TiktokenEstimator::new(), "text/event-stream", frames()), 530_000);
}

/// The vocabulary counted the answer as no tokens, since no text was seen, and the call was all but free.
#[test]
fn an_answer_without_text_is_charged_as_it_was_held_whoever_counts() {
    let answer = || vec![r#"{"input_tokens":5}"#.to_owned()];

    for spent in [
        spent_on(FamilyEstimator::new(), "application/json", answer()),
        spent_on(token_budget::tokens::ByteBoundEstimator, "application/json", answer()),
        spent_on(TiktokenEstimator::new(), "application/json", answer()),
    ] {
        // 1,000 tokens of output at 10,000 nano-dollars, and at most 30 of input at 2,500.
        assert!((10_000_000..=10_075_000).contains(&spent), "{spent}");
    }
}
