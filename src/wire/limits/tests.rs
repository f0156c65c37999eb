//! Is every way to write a limit read as it is meant, and nothing else?

use super::*;

/// 2026-11-22T12:00:00Z, when every response of these tests came.
const RECEIVED: Timestamp = Timestamp::from_secs(1_795_348_800);

const SECOND: Duration = Duration::from_secs(1);

fn read(headers: &[(&str, &str)]) -> RateLimitState {
    RateLimitState::from_headers(headers.iter().copied(), RECEIVED)
}

/// The wait that a reset header of that text means; `None` where it is unreadable.
fn wait(text: &str) -> Option<Duration> {
    let state = read(&[("x-ratelimit-reset-tokens", text)]);
    assert_eq!(state.unreadable.is_empty(), state.limits.iter().any(|limit| limit.resets_at.is_some()));
    state.limits.first()?.resets_at.map(|instant| instant.since(RECEIVED))
}

fn limit<'s>(state: &'s RateLimitState, name: &str) -> &'s RateLimit {
    state.limits.iter().find(|limit| limit.name == name).expect("a limit of that name")
}

#[test]
fn every_way_to_write_a_wait_is_read() {
    assert_eq!(RECEIVED.to_string(), "2026-11-22T12:00:00Z");
    for (text, nanos) in [
        ("6ms", 6_000_000),
        ("0s", 0),
        ("8.64s", 8_640_000_000),
        ("16.601s", 16_601_000_000),
        ("1m13.588s", 73_588_000_000),
        ("6h0m0s", 21_600_000_000_000),
        ("2m59.56s", 179_560_000_000),
        ("4h17m", 15_420_000_000_000),
        ("1d2h", 93_600_000_000_000),
        ("150µs", 150_000),
        ("2", 2_000_000_000),
        ("0", 0),
        ("33011.382867", 33_011_382_867_000),
        ("11.382867097854614", 11_382_867_097),
        ("2026-11-22T12:00:53Z", 53_000_000_000),
        ("2026-11-22T13:00:00.5+01:00", 500_000_000),
        ("2025-06-23T10:26:53Z", 0), // long over
        ("1795348860", 60_000_000_000),
        ("1795348860500", 60_500_000_000),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120_000_000_000),
        ("Sunday, 22-Nov-26 12:02:00 GMT", 120_000_000_000),
        ("Sun Nov 22 12:02:00 2026", 120_000_000_000),
        (" 7s ", 7_000_000_000),
    ] {
        assert_eq!(wait(text), Some(Duration::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn a_wait_that_makes_no_sense_is_left_out_and_named() {
    let long = "9".repeat(1_000);
    for text in [
        "",
        " ",
        "-1",
        "-5s",
        "+5",
        "NaN",
        "inf",
        "1e3",
        "1_000",
        "0x10",
        "5 s",
        "5x",
        "s",
        ".5s",
        "5.s5",
        "1.2.3",
        "18446744073709551616",
        "99999999999999999999999999999s",
        "9000h",
        "12,5",
        "٣",
        "5秒",
        "\u{0}",
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-11-22",
        "1, 15000",
        "2028-01-01T00:00:00Z",
        "500000000000000",
        &long,
    ] {
        assert_eq!(wait(text), None, "{text:?}");
    }
}

#[test]
fn a_count_that_makes_no_sense_is_left_out_and_named() {
    for text in ["", "-1", "NaN", "1.5", "18446744073709551616", "1e3", "+1", "١", "1, 15000", "many"] {
        let state = read(&[("x-ratelimit-remaining-tokens", text), ("X-RateLimit-Limit-Tokens", text)]);
        assert_eq!(state.unreadable, ["x-ratelimit-remaining-tokens", "X-RateLimit-Limit-Tokens"], "{text}");
        assert_eq!((state.remaining(RateLimitKind::Tokens), state.try_again_at()), (None, None));
    }
    let state = read(&[("x-ratelimit-remaining-tokens", "18446744073709551615")]);
    assert_eq!(state.remaining(RateLimitKind::Tokens), Some(u64::MAX));
}

#[test]
fn openai_names_requests_tokens_and_images() {
    let state = read(&[
        ("openai-processing-ms", "200"),
        ("x-ratelimit-limit-input-images", "50000"),
        ("x-ratelimit-limit-requests", "30000"),
        ("x-ratelimit-limit-tokens", "150000000"),
        ("x-ratelimit-remaining-input-images", "49999"),
        ("x-ratelimit-remaining-requests", "29999"),
        ("x-ratelimit-remaining-tokens", "149999225"),
        ("x-ratelimit-reset-input-images", "1ms"),
        ("x-ratelimit-reset-requests", "2ms"),
        ("x-ratelimit-reset-tokens", "0s"),
    ]);
    assert_eq!(state.limits.len(), 3);
    let images = limit(&state, "input-images");
    assert_eq!((images.kind, images.window), (RateLimitKind::InputImages, RateWindow::Unknown));
    assert_eq!((images.limit, images.remaining), (Some(50_000), Some(49_999)));
    assert_eq!(images.resets_at, Some(RECEIVED + Duration::from_millis(1)));
    assert_eq!(limit(&state, "requests").resets_at, Some(RECEIVED + Duration::from_millis(2)));
    assert_eq!(limit(&state, "tokens").limit, Some(150_000_000));
    assert_eq!(state.try_again_at(), None); // nothing is exhausted
}

#[test]
fn anthropic_names_four_kinds_and_gives_times() {
    let state = read(&[
        ("anthropic-ratelimit-input-tokens-limit", "400000"),
        ("anthropic-ratelimit-input-tokens-remaining", "0"),
        ("anthropic-ratelimit-input-tokens-reset", "2026-11-22T12:00:31Z"),
        ("anthropic-ratelimit-output-tokens-limit", "80000"),
        ("anthropic-ratelimit-output-tokens-remaining", "80000"),
        ("anthropic-ratelimit-output-tokens-reset", "2026-11-22T12:00:59Z"),
        ("anthropic-ratelimit-requests-remaining", "3999"),
        ("anthropic-ratelimit-requests-reset", "2026-11-22T12:00:01Z"),
        ("anthropic-ratelimit-tokens-remaining", "80000"),
        ("anthropic-priority-input-tokens-remaining", "5"),
        ("anthropic-ratelimit-unified-status", "allowed"),
    ]);
    assert_eq!(limit(&state, "input-tokens").kind, RateLimitKind::InputTokens);
    assert_eq!(limit(&state, "output-tokens").kind, RateLimitKind::OutputTokens);
    assert_eq!(limit(&state, "priority-input-tokens").remaining, Some(5)); // a limit of its own
    assert_eq!(state.limits.len(), 5);
    assert_eq!(state.try_again_at(), Some(RECEIVED + 31 * SECOND));
    assert!(state.unreadable.is_empty());
}

#[test]
fn mistral_names_windows() {
    let state = read(&[
        ("x-ratelimit-limit-req-10-second", "60"),
        ("x-ratelimit-limit-tokens-minute", "2000000"),
        ("x-ratelimit-limit-tokens-month", "10000000000"),
        ("x-ratelimit-remaining-req-10-second", "0"),
        ("x-ratelimit-remaining-tokens-minute", "1999147"),
        ("x-ratelimit-remaining-tokens-month", "9999999147"),
        ("x-ratelimit-tokens-query-cost", "78"),
        ("ratelimitbysize-remaining", "3"),
        ("x-ratelimitbysize-remaining-month", "4"),
    ]);
    let windows: Vec<_> =
        state.limits.iter().map(|limit| (limit.name.as_str(), limit.kind, limit.window)).collect();
    assert_eq!(
        windows,
        [
            ("req-10-second", RateLimitKind::Requests, RateWindow::Seconds(10)),
            ("tokens-minute", RateLimitKind::Tokens, RateWindow::Seconds(60)),
            ("tokens-month", RateLimitKind::Tokens, RateWindow::Month),
            ("tokens-by-size", RateLimitKind::Tokens, RateWindow::Unknown),
            ("tokens-by-size-month", RateLimitKind::Tokens, RateWindow::Month),
        ]
    );
    assert_eq!(state.remaining(RateLimitKind::Tokens), Some(3));
    assert_eq!(state.try_again_at(), Some(RECEIVED + 10 * SECOND)); // no reset is named: its window's end
}

#[test]
fn together_openrouter_and_cohere_count_requests_without_a_name() {
    let together =
        read(&[("x-ratelimit-limit", "2"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1")]);
    assert_eq!(limit(&together, "").kind, RateLimitKind::Requests);
    assert_eq!(together.try_again_at(), Some(RECEIVED + SECOND));

    let openrouter = read(&[("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1795348980000")]);
    assert_eq!(openrouter.try_again_at(), Some(RECEIVED + 180 * SECOND));

    let cohere = read(&[("x-trial-endpoint-call-limit", "20"), ("x-trial-endpoint-call-remaining", "19")]);
    assert_eq!(cohere.remaining(RateLimitKind::Requests), Some(19));
}

/// Recorded: 500 after one of 120 requests a minute, and 7 after 14 of 120,000
/// tokens; elsewhere 12 after one of 5 requests, 30 after half of all tokens.
#[test]
fn azure_means_milliseconds_where_seconds_cannot_be() {
    let azure = |limit, remaining, reset| {
        let state = read(&[
            ("x-ratelimit-abusepenalty-active", "False"),
            ("x-ratelimit-limit-requests", limit),
            ("x-ratelimit-remaining-requests", remaining),
            ("x-ratelimit-reset-requests", reset),
            ("x-ratelimit-renewalperiod-requests", "60"),
        ]);
        assert_eq!(state.limits[0].window, RateWindow::Seconds(60));
        state.limits[0].resets_at.expect("a reset").since(RECEIVED)
    };
    assert_eq!(azure("120", "119", "500"), Duration::from_millis(500));
    assert_eq!(azure("120000", "119986", "7"), Duration::from_millis(7));
    assert_eq!(azure("5", "4", "12"), 12 * SECOND);
    assert_eq!(azure("1500000", "745399", "30"), 30 * SECOND);
    // Nothing is left: at most the whole minute, and one second that was rounded up.
    assert_eq!(azure("5", "0", "61"), 61 * SECOND);
    assert_eq!(azure("5", "0", "62"), Duration::from_millis(62));
    assert_eq!(azure("0", "0", "55"), 55 * SECOND); // nothing to divide by

    let without_period = read(&[("x-ratelimit-reset-requests", "500")]);
    assert_eq!(without_period.limits[0].resets_at, Some(RECEIVED + 500 * SECOND));
}

#[test]
fn the_providers_own_word_counts_before_resets() {
    let state = read(&[
        ("Retry-After", "37"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ]);
    assert_eq!(state.try_again_at(), Some(RECEIVED + 37 * SECOND));
    for (name, value, millis) in [
        ("retry-after", "Sun, 22 Nov 2026 12:00:30 GMT", 30_000),
        ("retry-after", "Sat, 21 Nov 2026 12:00:30 GMT", 0), // over: now
        ("retry-after", "7.66", 7_660),
        ("retry-after-ms", "1500", 1_500),
        ("x-ms-retry-after-ms", "20.0", 20),
    ] {
        let wait = read(&[(name, value)]).try_again_at().map(|instant| instant.since(RECEIVED));
        assert_eq!(wait, Some(Duration::from_millis(millis)), "{name}: {value}");
    }
    let azure = read(&[("retry-after-ms", "0"), ("retry-after", "1")]);
    assert_eq!(azure.try_again_at(), Some(RECEIVED + SECOND));
    assert_eq!(read(&[("retry-after", "later")]).unreadable, ["retry-after"]);
}

#[test]
fn everything_that_is_exhausted_must_have_room_again() {
    let state = read(&[
        ("x-ratelimit-remaining-requests", "0"),
        ("x-ratelimit-reset-requests", "2s"),
        ("x-ratelimit-remaining-tokens", "0"),
        ("x-ratelimit-reset-tokens", "40s"),
        ("x-ratelimit-remaining-images", "0"), // says nothing of a reset or a window
    ]);
    assert_eq!(state.try_again_at(), Some(RECEIVED + 40 * SECOND));
    assert_eq!(read(&[("x-ratelimit-remaining-tokens", "0")]).try_again_at(), None);
    let monthly = read(&[("x-ratelimit-remaining-tokens-month", "0")]);
    assert_eq!(monthly.try_again_at(), Some(RECEIVED + 31 * 86_400 * SECOND));
}

#[test]
fn bodies_of_errors_say_when_to_come_back() {
    let google = br#"{"error": {"code": 429, "details": [
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]}}"#;
    let wait = |body: &[u8]| read(&[]).with_body(body).try_again_at().map(|instant| instant.since(RECEIVED));
    assert_eq!(wait(google), Some(Duration::from_millis(34_070)));
    assert_eq!(wait(&[b"[".as_slice(), google, b"]"].concat()), Some(Duration::from_millis(34_070)));

    let openrouter = br#"{"error": {"code": 429, "metadata": {"headers": {"X-RateLimit-Limit": "50",
        "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795348980000", "Authorization": "Bearer x"}}}}"#;
    assert_eq!(wait(openrouter), Some(180 * SECOND));

    let slip = read(&[]).with_body(br#"{"error": {"details": [{"retryDelay": 5}, {"retryDelay": "x"}]}}"#);
    assert_eq!((slip.try_again_at(), slip.unreadable), (None, vec!["retryDelay".into()]));
    for body in
        ["", "null", "[]", "[[]]", r#"{"error": "no"}"#, r#"{"error": {"details": {}}}"#, "{", "\u{1}"]
    {
        assert_eq!(read(&[]).with_body(body.as_bytes()), read(&[]), "{body:?}");
    }
    let nested = "[".repeat(60_000);
    let large = format!("{}{}", String::from_utf8_lossy(google), " ".repeat(BODY_BYTES_MAX));
    assert_eq!((wait(nested.as_bytes()), wait(large.as_bytes())), (None, None));
}

#[test]
fn what_is_no_limit_is_not_kept() {
    let state = read(&[
        ("authorization", "Bearer sk-secret"),
        ("x-api-key", "sk-secret"),
        ("set-cookie", "sk-secret"),
        ("x-ratelimit-key", "sk-secret"),
        ("x-ratelimit-limit-tokens", "sk-secret"),
        ("retry-after", "sk-secret"),
    ]);
    assert!(state.limits.is_empty());
    assert!(!format!("{state:?}").contains("secret"));
    assert!(!serde_json::to_string(&state).expect("json").contains("secret"));
}

#[test]
fn a_flood_of_limits_ends() {
    let names: Vec<String> = (0..1_000).map(|at| format!("x-ratelimit-remaining-kind{at}")).collect();
    let long = format!("x-ratelimit-remaining-{}", "a".repeat(100));
    let headers = names.iter().map(|name| (name.as_str(), "1")).chain([(long.as_str(), "1")]);
    let state = RateLimitState::from_headers(headers, RECEIVED);
    assert_eq!((state.limits.len(), state.unreadable.len()), (LIMITS_MAX, LIMITS_MAX));
    assert!(state.limits.iter().all(|limit| limit.kind == RateLimitKind::Other));
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    for received in [Timestamp::MIN, Timestamp::MAX] {
        let headers = [("retry-after", "31622400"), ("x-ratelimit-remaining-tokens-day", "0")];
        let state = RateLimitState::from_headers(headers, received);
        assert!(state.try_again_at() >= Some(received));
    }
}
