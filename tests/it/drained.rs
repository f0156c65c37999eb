//! Does tokio read a dropped stream on to its usage?

use token_budget::MeteredStream;
use token_budget::stream::{Drain, StreamEnd, StreamOptions, StreamOutcome, TokioBackground, WireReader};

use crate::http_support::{End, Pieces, books, chat_events, house};
use crate::support::{House, block_on, call};

/// A stream that is dropped at once, and what will be told of its end.
fn begun(
    house: &House,
    background: TokioBackground,
    end: End,
) -> tokio::sync::oneshot::Receiver<StreamOutcome> {
    let in_flight = house.admit(&call("milli", 100).streaming(10)).send();
    let options = StreamOptions::slices(10).drain(Drain::new(background));
    let (tell, told) = tokio::sync::oneshot::channel();
    let body = Pieces::of(chat_events(&["one ", "two "], Some((7, 2)))).then(end);
    let stream = MeteredStream::new(in_flight, body, WireReader::new(None), options);
    drop(stream.on_outcome(move |outcome| drop(tell.send(outcome))));
    told
}

#[test]
fn a_dropped_stream_is_read_on_and_charged_by_its_usage() {
    let house = house("1");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Dropped outside the runtime, which was named.
    let told = begun(&house, TokioBackground::on(runtime.handle().clone()), End::Ends);
    let outcome = runtime.block_on(told).expect("told");
    assert_eq!((outcome.end, books(&house)), (StreamEnd::Finished, ("0.009".to_owned(), "0.00".to_owned())));
    // Dropped inside one.
    let outcome =
        block_on(async { begun(&house, TokioBackground::default(), End::Ends).await }).expect("told");
    assert_eq!((outcome.end, books(&house).0.as_str()), (StreamEnd::Finished, "0.018"));
}

#[test]
fn a_stream_dropped_where_nothing_runs_is_charged_as_it_stands() {
    let house = house("1");
    let outcome = begun(&house, TokioBackground::default(), End::Ends).try_recv().expect("told at once");
    assert_eq!(outcome.end, StreamEnd::Dropped);
    assert_eq!(books(&house), ("0.00".to_owned(), "0.00".to_owned()), "nothing was sent, and nothing seen");
}
