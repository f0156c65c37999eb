//! All integration tests, in one binary: the ledger's laws first, then the way of a call.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on stops where it stands, and an overflow fails it as it should"
)]

mod books;
mod events;
mod laws;

mod support;

mod agree;
#[cfg(all(feature = "sqlite", feature = "tokio"))]
mod answers;
mod allocations;
mod architecture;
mod assumed;
mod attack_cases;
mod billed;
mod caches;
mod cancel;
#[cfg(feature = "sqlite")]
mod clocks;
mod cost_of;
#[cfg(feature = "testing")]
mod conformance;
#[cfg(feature = "tokio")]
mod drained;
#[cfg(feature = "testing")]
mod drops;
mod estimation_recorded;
mod explain;
mod facts;
mod families;
mod fees;
#[cfg(feature = "testing")]
mod faulty;
mod fixed;
mod forgotten;
mod fuzzed;
mod golden;
mod held;
mod hostile;
mod http_answer;
mod http_edits;
mod http_gate;
// The client of hyper comes with reqwest, and the server beneath it with `testing`.
#[cfg(all(feature = "tower", feature = "reqwest-middleware", feature = "testing"))]
mod http_hyper;
#[cfg(feature = "tower")]
mod http_layer;
mod http_limits;
#[cfg(all(feature = "reqwest-middleware", feature = "testing"))]
mod http_middleware;
mod http_polls;
mod http_routes;
#[cfg(all(feature = "reqwest-middleware", feature = "testing"))]
mod http_server;
mod http_support;
#[cfg(feature = "tower")]
mod http_tower;
#[cfg(feature = "testing")]
mod lasting;
mod lazy;
mod ledger_guide;
mod left_out;
mod mended;
mod no_limit;
mod no_limit_clients;
mod observe;
mod one_model;
mod operator;
#[cfg(feature = "testing")]
mod oracle;
mod outage;
mod outbox_file;
mod outbox_troubles;
#[cfg(feature = "testing")]
mod planted;
mod remaining;
mod prices;
#[cfg(unix)]
mod private;
mod public_cases;
mod request_claimed;
mod request_dearer;
mod request_fees;
mod request_files;
mod request_held;
mod request_limits;
mod request_memory;
mod request_places;
mod requests;
#[cfg(target_os = "linux")]
mod resident;
mod rim;
mod runs;
mod runs_books;
mod runs_family;
mod runs_kept;
mod runs_last_word;
mod runs_nested;
mod runs_people;
mod runs_resume;
mod runs_tools;
#[cfg(feature = "testing")]
mod scripted;
#[cfg(feature = "testing")]
mod scripted_http;
#[cfg(feature = "testing")]
mod scripted_hidden;
mod shown;
#[cfg(feature = "testing")]
mod soak;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(all(feature = "store", feature = "testing"))]
mod stores;
mod streams;
#[cfg(feature = "tiktoken")]
mod streams_choices;
#[cfg(feature = "testing")]
mod streams_crowd;
mod streams_mended;
#[cfg(feature = "tiktoken")]
mod streams_pieces;
mod told;
mod tools_unheard;
mod trim_dialects;
mod trim_properties;
mod trim_room;
mod trim_support;
mod trim_taken;
mod unbound;
mod usage_believed;
#[cfg(feature = "tiktoken")]
mod untold;
#[cfg(feature = "tiktoken")]
mod usage_apis;
#[cfg(feature = "tiktoken")]
mod usage_properties;
mod usage_rim;
#[cfg(feature = "tiktoken")]
mod usage_scripts;
mod walk;
mod wire_forms;
mod wire_mended;
mod wire_properties;
mod wire_recorded;
mod wire_shown;
mod wire_support;
mod wrapped;
mod wrapped_json;
