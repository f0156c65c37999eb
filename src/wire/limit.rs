//! How much of a stream is ever kept?

/// The largest frame that is read: 32 MiB, a few times the largest image an API
/// sends. A larger one passes by unread, and the report says so.
pub(super) const FRAME_BYTES_MAX: usize = 32 << 20;
