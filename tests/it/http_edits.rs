//! Does a changed body say the same as before, but for what was changed?

use proptest::prelude::*;
use serde_json::Value;

use crate::http_support::{CHAT, HOST, admitted, gate, house};

/// JSON as it may be written, with numbers that no float holds.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("12345678901234567890.0123456789e-7".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "[a-z\"\\\\{}\\[\\],:\u{e9} ]{0,12}".prop_map(|text| Value::from(text).to_string()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(inner, 0..4).prop_map(|items| {
                let member = |(at, item): (usize, &String)| format!("\"k{at}\" :\t{item}");
                format!("{{{}}}", items.iter().enumerate().map(member).collect::<Vec<_>>().join(",\n"))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn only_the_fields_that_must_change_do(
        before in prop::collection::vec(json(), 0..4),
        after in prop::collection::vec(json(), 0..4),
        asked in 101_u64..10_000,
        options in prop::option::of(prop_oneof![Just("null"), Just("{}"), Just("{\"a\": 1.0}"), Just("{\"include_usage\":false}")]),
        blanks in "[ \n\t]{0,3}",
    ) {
        // A hundred tokens fit into ten cents.
        let house = house("0.10");
        let gate = gate(&house).fit_to_room(1).inject_usage_for(HOST);
        let members = |name: &str, values: &[String]| -> String {
            values.iter().enumerate().map(|(at, value)| format!(", \"{name}{at}\":{blanks}{value}")).collect()
        };
        let options_text = options.map_or(String::new(), |options| format!(",\"stream_options\" : {options}"));
        let head = format!("{blanks}{{\"model\":\"milli\",\"messages\":[],\"stream\":true{}", members("b", &before));
        let tail = members("a", &after);
        // The slice is smaller than the room, so the limit stands; a call that does not stream is fitted.
        let streamed = format!("{head},\"max_tokens\":100{options_text}{tail}{blanks}}}{blanks}");
        let sent = admitted(&gate, CHAT, &streamed).take_body().expect("usage is asked for");
        let sent = String::from_utf8(sent).expect("text");
        let expected = match options {
            None => format!("{head},\"max_tokens\":100{tail}{blanks},\"stream_options\":{{\"include_usage\":true}}}}{blanks}"),
            Some("{\"a\": 1.0}") => streamed.replacen("{\"a\": 1.0}", "{\"a\": 1.0,\"include_usage\":true}", 1),
            Some(options) => streamed.replacen(
                &format!("\"stream_options\" : {options}"),
                "\"stream_options\" : {\"include_usage\":true}",
                1,
            ),
        };
        prop_assert_eq!(sent, expected.replace("{\"include_usage\":false}", "{\"include_usage\":true}"));

        let whole = format!("{},\"max_tokens\" :{asked}{tail}{blanks}}}", head.replace("\"stream\":true", "\"stream\":false"));
        let sent = admitted(&gate, CHAT, &whole).take_body().expect("a shorter output");
        prop_assert_eq!(
            String::from_utf8(sent).expect("text"),
            whole.replacen(&format!("\"max_tokens\" :{asked}"), "\"max_tokens\" :100", 1)
        );
    }
}
