//! Why can a request not be metered, and what is its sender told?
//!
//! "Not supported" helps nobody. Each reason names what the path does that no answer's
//! usage will tell, so that its reader knows whether to open the path, to route around
//! the gate, or to book the cost by other means.

/// Why nobody can say what a request will have cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unmetered {
    /// The path is not known here.
    Unknown,
    /// The path is known, but not for this method.
    Method,
    /// A socket, over which anything may be asked for.
    Socket,
    /// Many answers, which come later and by other requests.
    Batch,
    /// A run over a stored thread, whose answer comes later and by another request.
    Run,
    /// A conversation, which some providers answer and others only store.
    Conversation,
    /// Something that is kept for a fee by the hour or the day.
    Storage,
    /// A sandbox that is kept for a fee.
    Container,
    /// A key with which more can be spent, past the gate.
    Key,
    /// A form of several parts, with sound, images or a film.
    Form,
    /// The training of a model.
    Training,
}

impl Unmetered {
    /// The reason, as a sentence whose subject is the path.
    fn why(self) -> &'static str {
        match self {
            Self::Unknown => "is not known here, so nobody can say whether it costs anything",
            Self::Method => "is not known here for this method, so nobody can say whether it costs anything",
            Self::Socket => "opens a socket, and what is asked for over it cannot be read",
            Self::Batch => "begins a batch: what it costs is told hours later, by other answers",
            Self::Run => {
                "begins a run over a stored thread: neither its input nor its usage is in this request and its answer"
            }
            Self::Conversation => {
                "is answered by a model at some providers and only stored at others (OpenAI, Azure): name the \
                 provider with `HttpBudget::provider_of`"
            }
            Self::Storage => "has something kept, which is billed by the time for which it is kept",
            Self::Container => "makes a container, which is billed by its size and time and not by an answer",
            Self::Key => "hands out a key with which more can be spent past this gate",
            Self::Form => "takes a form with sound, images or a film, which is not read",
            Self::Training => "trains a model, which is billed by a job and not by an answer",
        }
    }

    /// The whole sentence, for people.
    pub(super) fn text(self) -> String {
        format!("this path {}; no budget can be kept on it", self.why())
    }
}
