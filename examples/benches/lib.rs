//! What does the crate cost, beside named peers? The benches say; this library is empty, because cargo asks for one.
