#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| token_budget_fuzz::request(data));
