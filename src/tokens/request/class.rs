//! How are the fields of a part read, by what the part says that it is?

/// How the fields of an object are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Plain,
    Call,
    Thought,
    Image,
    File,
}

impl Class {
    /// What an object says that it is; `None` where nobody here knows that word.
    pub(super) fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "text"
            | "input_text"
            | "output_text"
            | "refusal"
            | "message"
            | "tool_result"
            | "search_result"
            | "web_search_result"
            | "mcp_list_tools"
            | "additional_tools"
            | "mcp_approval_response"
            | "content"
            | "logs" => Self::Plain,
            "thinking"
            | "redacted_thinking"
            | "reasoning"
            | "reasoning_text"
            | "summary_text"
            | "reasoning.text"
            | "reasoning.summary"
            | "reasoning.encrypted" => Self::Thought,
            "tool_use" | "server_tool_use" | "mcp_tool_use" | "mcp_approval_request" => Self::Call,
            "image_url" | "input_image" | "image" | "computer_screenshot" | "image_generation_call" => {
                Self::Image
            }
            "file" | "input_file" | "document" | "input_audio" | "audio" | "audio_url" | "video"
            | "video_url" | "input_video" | "container_upload" | "document_url" => Self::File,
            // `{"type": "function", "function": {…}}`: a call among the parts of a message.
            "function" => Self::Plain,
            _ if kind.ends_with("_call") => Self::Call,
            _ if kind.ends_with("_output") || kind.ends_with("_result") => Self::Plain,
            _ => return None,
        })
    }
}

/// Whether a field was read with its object: as an image, a file, or a call.
pub(super) fn is_read(class: Class, name: &str) -> bool {
    match class {
        Class::Plain | Class::Thought => false,
        Class::Call => matches!(name, "name" | "arguments" | "input" | "action"),
        Class::Image => {
            matches!(name, "imageurl" | "source" | "image" | "data" | "url" | "fileid" | "result")
        }
        Class::File => matches!(
            name,
            "file"
                | "source"
                | "document"
                | "inputaudio"
                | "audio"
                | "audiourl"
                | "video"
                | "videourl"
                | "inputvideo"
                | "documenturl"
                | "fileid"
                | "filedata"
                | "fileurl"
                | "filename"
                | "data"
                | "url"
        ),
    }
}
