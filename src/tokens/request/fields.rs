//! What is each field of a body, as far as its name tells?

use std::sync::LazyLock;

use super::words::{Words, words};

/// What is done with a field of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// Shown as messages, in the order of these numbers; the first five the system's.
    Shown(u8),
    Tools,
    ToolConfig,
    /// A tool that is switched on by a field of its own.
    Switched,
    /// The form of an answer.
    Format,
    /// How an answer is to look, or a text.
    Text,
    OutputConfig,
    Generation,
    Images,
    /// A text beside the conversation.
    Words,
    /// An object of settings, in which numbers and switches are read by no model.
    Settings,
    /// What the provider keeps is read again, and cannot be counted here.
    Kept,
    Container,
    Model,
    /// What becomes of a conversation that grows long.
    Management,
    /// Settings that may be of any length: labels of the caller's, and what steers the choice of tokens.
    LongSetting,
    /// A setting that no model reads, or a field that is read elsewhere.
    Setting,
}

impl Field {
    /// What a name stands for, in small letters and without strokes; `None` if it is not known.
    pub(super) fn of(name: &str) -> Option<Self> {
        static FIELDS: LazyLock<Words<Field>> = LazyLock::new(|| words(&NAMES));
        FIELDS.get(name).copied()
    }
}

/// The rank of `prompt`: text in one API, the name of a stored prompt in another.
pub(super) const PROMPT: u8 = 11;

const NAMES: [(Field, &str); 29] = [
    (Field::Shown(0), "system"),
    (Field::Shown(1), "instructions"),
    (Field::Shown(2), "systeminstruction"),
    (Field::Shown(3), "preamble"),
    (Field::Shown(4), "developer"),
    (Field::Shown(5), "context"),
    (Field::Shown(6), "chathistory"),
    (Field::Shown(7), "messages"),
    (Field::Shown(8), "contents"),
    (Field::Shown(9), "input"),
    (Field::Shown(10), "inputs"),
    (Field::Shown(PROMPT), "prompt"),
    (Field::Shown(12), "message"),
    (Field::Tools, "tools functions"),
    (Field::ToolConfig, "toolconfig"),
    (
        Field::Switched,
        "websearchoptions searchparameters mcpservers plugins websearch enablesearch connectors \
         datasources",
    ),
    (Field::Format, "responseformat format outputformat"),
    (Field::Text, "text"),
    (Field::OutputConfig, "outputconfig"),
    (Field::Generation, "generationconfig"),
    (Field::Images, "images image"),
    (Field::Words, "suffix inputtext query systemprompt template"),
    (
        Field::Settings,
        "thinking reasoning inferenceconfig options streamoptions additionalmodelrequestfields \
         chattemplatekwargs",
    ),
    (Field::Kept, "previousresponseid conversation conversationid cachedcontent preset agentid threadid"),
    (Field::Container, "container"),
    (Field::Model, "model"),
    (Field::Management, "contextmanagement"),
    (Field::LongSetting, "metadata requestmetadata labels logitbias stop stopsequences"),
    (
        Field::Setting,
        "modelid models route provider stream n bestof numgenerations candidatecount temperature topp \
         topk p k minp topa typicalp seed maxtokens maxcompletiontokens maxoutputtokens \
         maxtokenstosample maxnewtokens numpredict maxtoolcalls frequencypenalty presencepenalty \
         repetitionpenalty logprobs toplogprobs echo raw user userid safetyidentifier promptcachekey \
         promptcacheretention promptcacheoptions store paralleltoolcalls toolchoice functioncall servicetier speed \
         inferencegeo region include truncation background reasoningeffort reasoningformat \
         includereasoning enablethinking thinkingbudget think verbosity modalities audio voice prefix \
         safetysettings safetymode safemode safemodel safeprompt safetymodel guardrailconfig \
         modelarmorconfig moderation cachecontrol searchsettings searchmode \
         searchdomainfilter searchrecencyfilter searchcontextsize returnimages returnrelatedquestions \
         transforms performanceconfig usage keepalive truncate dimensions outputdimension \
         outputdimensionality outputdtype encodingformat embeddingtypes inputtype tasktype topn \
         returndocuments maxtokensperdoc clearthinking anthropicversion anthropicbeta betas \
         citationoptions citationquality prompttruncation size quality style responsemimetype \
         stopreason sessionid requestid additionalmodelresponsefieldpaths returncitations",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_for_one_thing() {
        for (meaning, names) in NAMES {
            for name in names.split_ascii_whitespace() {
                assert_eq!(Field::of(name), Some(meaning), "{name}");
            }
        }
    }
}
