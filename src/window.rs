//! placeholder
/// p
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// n
    pub number: i64,
    /// f
    pub from: crate::Timestamp,
    /// u
    pub until: crate::Timestamp,
    /// s
    pub span: u32,
}
