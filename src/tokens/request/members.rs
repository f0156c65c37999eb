//! What is each field of a message, an item or a part, as far as its name tells?

use std::sync::LazyLock;

use super::words::{Words, words};

/// What is done with a field of a message, an item or a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Read as content, whatever it holds.
    Words,
    /// Shown with its names: arguments of tools, results as JSON.
    Json,
    Thoughts,
    Image,
    File,
    Inline,
    Calls,
    Call,
    Response,
    Tools,
    Name,
    /// No model reads it, or the family's framing covers it.
    Label,
    /// A signature: what the model thought, sealed.
    Seal,
    Unknown,
}

impl Use {
    /// What a name stands for, in small letters and without strokes.
    pub(super) fn of(name: &str) -> Self {
        static USES: LazyLock<Words<Use>> = LazyLock::new(|| words(&NAMES));
        USES.get(name).copied().unwrap_or(Self::Unknown)
    }
}

const NAMES: [(Use, &str); 13] = [
    (
        Use::Words,
        "text content parts message output outputs result results toolresult citationscontent \
         toolreferences toolplan refusal title context stdout stderr logs code error summary query \
         queries url source encryptedcontent executablecode codeexecutionresult searchresult \
         arguments input reason",
    ),
    (Use::Json, "json guardcontent action operation"),
    (Use::Thoughts, "reasoningcontent reasoning thinking reasoningdetails thinkingblocks"),
    (Use::Image, "image imageurl images"),
    (Use::File, "document video audio inputaudio audiourl videourl documenturl file"),
    (Use::Inline, "inlinedata filedata"),
    (Use::Calls, "toolcalls"),
    (Use::Call, "tooluse functioncall function"),
    (Use::Response, "functionresponse"),
    (Use::Tools, "tools"),
    (Use::Name, "name"),
    (
        Use::Label,
        "type id callid toolcallid tooluseid status index cachecontrol cachepoint promptcachebreakpoint iserror strict role \
         phase prefix execution serverlabel containerid detail mediaresolution mimetype mediatype \
         format returncode thought caller approvalrequestid approve videometadata toolname namespace",
    ),
    (Use::Seal, "signature thoughtsignature"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_stands_for_one_thing() {
        for (meaning, names) in NAMES {
            for name in names.split_ascii_whitespace() {
                assert_eq!(Use::of(name), meaning, "{name}");
            }
        }
    }
}
