//! Which member of which object means what, over all providers?
//!
//! One table for all: names never mean two things in one place, so nobody has to say which
//! provider is speaking. A place is an [`At`], and what to do with a member there is a
//! [`Then`]. For example, `usage` at the root leads to [`At::Usage`], and there
//! `prompt_tokens` is [`Then::Count`] of [`Field::PromptTokens`]. Inside a tool's arguments
//! the same words mean nothing: no place leads there.
//!
//! To add a provider, add its names here. `normal` decides which figure contains which, and
//! `docs/PROVIDERS.md` lists what each provider means.

use super::fields::Field;

/// Where in a document the cursor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A whole body, or one frame of a stream.
    Root,
    /// A finished response inside an event: its text went by before.
    Response,
    /// Anthropic's first event, Ollama's answer.
    Message,
    /// An envelope around a frame: Bedrock's event name, `metadata`.
    Envelope,
    /// The usage of an answer, in any provider's names.
    Usage,
    /// Gemini's figures: each frame's stand for all before it, since zeros are left out.
    GeminiUsage,
    /// What Replicate counted.
    Replicate,
    /// What Bedrock counted, for models whose own frames say nothing.
    Metrics,
    /// The details of input: caches and modalities inside it.
    InputDetails,
    /// The modalities of cached input.
    CachedDetails,
    /// The details of output: reasoning and modalities inside it.
    OutputDetails,
    /// Anthropic's written tokens by lifetime.
    CacheCreation,
    /// How often the provider's tools ran.
    ServerTools,
    /// What Cohere bills.
    Billed,
    /// Cohere's `meta` around `billed_units`.
    Meta,
    /// Perplexity's bill, item by item.
    Cost,
    /// What OpenAI's tools used beside the answer.
    ToolUsage,
    /// The tokens of images that a tool made.
    ImageGeneration,
    /// One of several answers.
    Choice,
    /// What is new in this frame, and a message that is whole.
    Delta,
    /// A call of a tool: its arguments are generated too.
    ToolCall,
    /// Reasoning as an object of its own.
    Thinking,
    /// One of Gemini's answers.
    Candidate,
    /// What Gemini says: parts, and the parts of these.
    GeminiContent,
    /// What Gemini's answer rests on.
    Grounding,
    /// What a server of Gemini Live says.
    Live,
    /// One item of `output`, one block of `content`.
    Item,
    /// An answer of Titan's or of watsonx.
    Result,
    /// The settings of a realtime session.
    Session,
    /// The sound of a realtime session.
    SessionAudio,
    /// Who writes down what was said in it.
    Transcription,
    /// A tool that the request offered.
    Tool,
    /// What a tool of the provider did: only a search is billed as one.
    Action,
    /// An error.
    Error,
    /// What Azure says of the filter behind an error.
    InnerError,
    /// Why a response is incomplete.
    Reason,
    /// One item or part of an answer, in the event that ends it.
    EndedItem,
    /// What a tool of the provider was asked.
    Arguments,
    /// Why Google refused a prompt.
    Feedback,
    /// What a search of Google's found.
    GroundingChunk,
    /// Google's list of a batch's answers.
    Inlined,
    /// OpenRouter's bill, item by item.
    CostDetails,
    /// What OpenAI's images API made.
    Drawn,
}

/// A list of objects, each of which yields one pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairs {
    /// Input by modality.
    PromptModality,
    /// Cached input by modality.
    CachedModality,
    /// Output by modality.
    OutputModality,
    /// Bedrock's `cacheDetails`: a lifetime and its tokens.
    CacheLifetime,
}

/// Text that names something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// The model that served the answer.
    Model,
    /// How the call was processed.
    Tier,
    /// Where the model ran.
    Region,
    /// How fast it was asked to run.
    Speed,
    /// Why the answer ended.
    Finish,
    /// Where a response stands; finished only if it says so.
    Status,
    /// The reason an unfinished answer gives.
    Reason,
    /// What a tool did, or is.
    Action,
    /// The model of a tool that makes images.
    ToolModel,
    /// The model that writes down what was said.
    TranscriptionModel,
    /// What kind of thing the document is.
    Object,
    /// The name of an event, or of an item.
    Type,
    /// The name of a provider's tool.
    OfTool,
    Error,
    /// What an error says to people.
    Complaint,
    /// The filter's own word, inside an error.
    Filter,
    /// Why a prompt was refused.
    Blocked,
    /// Whose answer it is.
    Id,
}

/// What to do with a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: the value is passed over.
    Skip,
    /// An object to step into, or a list of such objects.
    Into(At),
    /// A figure.
    Count(Field),
    /// The largest of all frames.
    CountMax(Field),
    /// Seconds, kept as milliseconds.
    Millis(Field),
    /// Searches that Google made for the answer.
    Queries,
    /// A list of pairs.
    Pairs(Pairs),
    /// A name.
    Name(Name),
    /// Generated text that is the answer.
    Text,
    /// Generated text that is not: reasoning, arguments.
    Hidden,
    /// Reasoning, which one message may write out under several names.
    Thought,
    /// Text, a list of blocks, or one block.
    Content,
    /// What follows an event's name: text here, an object elsewhere.
    Delta,
    /// Text in one API, an object in another.
    Response,
    /// Where in the answer a text stands.
    Place,
    /// What the event of its end shows whole.
    Shown,
    /// An error's text, or an object that holds the answer.
    Message,
    /// Anthropic's passes.
    Iterations,
    /// Groq's figures by model.
    Breakdown,
    /// Money that the provider reports.
    Cost,
    CostDetails,
    /// Bedrock's event of that name, or what a client wrote and gets back.
    Metadata,
    /// What a tool was asked: generated text, and the searches of it.
    Arguments,
    /// What a filter found in a prompt that it refused.
    FilterResult,
    /// The answer was grounded in a map.
    Maps,
    /// The frame belongs to a session of many answers.
    Live,
    /// The document is one answer of a batch.
    Batch,
    /// The answer is done, if this is true.
    Done,
    /// Ollama leaves the count of a cached prompt out.
    Evaluated,
    Error,
    /// Vectors come in place of text.
    Embeds,
    /// An image that is shown whole.
    Picture,
    /// A part of Gemini's answer that is reasoning.
    IsThought,
    /// A frame inside a frame, in base64.
    Bytes,
}

/// What a member means where it stands.
#[inline]
pub(super) fn meaning(at: At, key: &[u8]) -> Then {
    // What every frame repeats and nobody asks for goes first: names are compared one after another.
    match key {
        b"id" | b"responseId" if matches!(at, At::Root | At::Response | At::Message) => {
            return Then::Name(Name::Id);
        }
        b"output_index" | b"content_index" | b"summary_index" if at == At::Root => return Then::Place,
        b"id"
        | b"index"
        | b"created"
        | b"logprobs"
        | b"system_fingerprint"
        | b"sequence_number"
        | b"obfuscation"
        | b"role"
        | b"item_id"
        | b"output_index"
        | b"content_index" => return Then::Skip,
        _ => {}
    }
    match at {
        At::Root => root(key),
        At::Response | At::Message => response(at, key),
        At::Usage | At::GeminiUsage | At::Metrics => usage(key),
        At::InputDetails | At::CachedDetails | At::OutputDetails => details(at, key),
        At::Choice | At::Delta | At::ToolCall | At::Thinking | At::Item => generated(at, key),
        At::Candidate | At::GeminiContent | At::Grounding | At::Live => gemini(at, key),
        At::Error | At::InnerError => of_error(at, key),
        _ => small(at, key),
    }
}

/// Members of a whole body, or of one frame.
fn root(key: &[u8]) -> Then {
    match key {
        b"choices" => Then::Into(At::Choice),
        b"candidates" => Then::Into(At::Candidate),
        b"delta" => Then::Delta,
        b"message" => Then::Message,
        b"type" | b"event_type" => Then::Name(Name::Type),
        b"response" => Then::Response,
        b"text" => Then::Text,
        b"error" => Then::Error,
        b"metadata" => Then::Metadata,
        b"x_groq"
        | b"messageStop"
        | b"contentBlockDelta"
        | b"contentBlockStart"
        | b"messageStart"
        | b"internalServerException" => Then::Into(At::Envelope),
        b"session" => Then::Into(At::Session),
        b"interaction" | b"result" => Then::Into(At::Response),
        b"custom_id" | b"recordId" | b"processed_time" | b"key" => Then::Batch,
        b"modelOutput" => Then::Into(At::Response),
        b"object" => Then::Name(Name::Object),
        b"embedding" | b"embeddings" => Then::Embeds,
        b"data" => Then::Into(At::Drawn),
        b"promptFeedback" | b"prompt_feedback" => Then::Into(At::Feedback),
        b"item" | b"content_block" | b"part" => Then::Into(At::EndedItem),
        b"arguments" | b"refusal" | b"transcript" | b"code" | b"input" => Then::Shown,
        b"inlinedResponses" => Then::Into(At::Inlined),
        b"completionReason" => Then::Name(Name::Finish),
        b"detail" | b"Message" => Then::Message,
        b"metrics" => Then::Into(At::Replicate),
        b"serverContent" | b"server_content" => Then::Into(At::Live),
        b"setupComplete" | b"setup_complete" | b"toolCall" | b"tool_call" | b"sessionResumptionUpdate" => {
            Then::Live
        }
        b"input_tokens" | b"inputTokens" | b"totalTokens" => Then::Count(Field::Counted),
        b"prompt_eval_count" | b"inputTextTokenCount" | b"prompt_token_count" => Then::Count(Field::Input),
        b"eval_count" => Then::Evaluated,
        b"generation_token_count" | b"totalOutputTextTokenCount" => Then::Count(Field::Output),
        b"results" => Then::Into(At::Result),
        b"meta" => Then::Into(At::Meta),
        b"bytes" => Then::Bytes,
        b"completion" | b"generation" | b"outputText" => Then::Text,
        _ => response(At::Root, key),
    }
}

/// Members of an answer, wherever it stands.
fn response(at: At, key: &[u8]) -> Then {
    match key {
        b"usage" | b"usage_info" => Then::Into(At::Usage),
        b"usageMetadata" | b"usage_metadata" => Then::Into(At::GeminiUsage),
        b"amazon-bedrock-invocationMetrics" => Then::Into(At::Metrics),
        b"usage_breakdown" => Then::Breakdown,
        b"model" | b"modelVersion" | b"model_version" | b"model_id" => Then::Name(Name::Model),
        b"service_tier" | b"serviceTier" => Then::Name(Name::Tier),
        b"stop_reason" | b"stopReason" | b"finish_reason" | b"done_reason" => Then::Name(Name::Finish),
        b"body" if at == At::Response => Then::Into(At::Message),
        b"status" if at != At::Message => Then::Name(Name::Status),
        b"incomplete_details" => Then::Into(At::Reason),
        b"tool_usage" => Then::Into(At::ToolUsage),
        b"tools" => Then::Into(At::Tool),
        b"output" | b"steps" => Then::Into(At::Item),
        b"message" => Then::Into(At::Message),
        b"content" | b"output_text" => Then::Content,
        b"done" => Then::Done,
        b"error" => Then::Error,
        b"meta" => Then::Into(At::Meta),
        b"x_groq" => Then::Into(At::Envelope),
        _ => written(at, key),
    }
}

/// What a model writes, in a whole message as in what is new of one.
fn written(at: At, key: &[u8]) -> Then {
    match key {
        b"tool_calls" | b"function_call" | b"toolUse" | b"tool_call" => Then::Into(At::ToolCall),
        b"thinking" => Then::Thought,
        // Around a message these say what was asked for: how to reason, in which form to answer.
        _ if matches!(at, At::Root | At::Response) => Then::Skip,
        b"text" | b"refusal" | b"transcript" => Then::Text,
        b"reasoning" | b"reasoning_content" | b"reasoning_details" => Then::Thought,
        b"partial_json" | b"arguments" | b"tool_plan" => Then::Hidden,
        b"reasoningContent" => Then::Into(At::Thinking),
        b"audio" => Then::Into(At::Item),
        _ => Then::Skip,
    }
}

/// Members of a usage, the common ones first.
fn usage(key: &[u8]) -> Then {
    match key {
        b"prompt_tokens" => Then::Count(Field::PromptTokens),
        b"input_tokens" => Then::Count(Field::Input),

        b"inputTokens"
        | b"inputTokenCount"
        | b"promptTokenCount"
        | b"prompt_token_count"
        | b"total_input_tokens" => Then::Count(Field::InputOther),
        b"completion_tokens" => Then::Count(Field::CompletionTokens),
        b"output_tokens" => Then::Count(Field::Output),
        b"outputTokens"
        | b"outputTokenCount"
        | b"candidatesTokenCount"
        | b"candidates_token_count"
        | b"responseTokenCount"
        | b"response_token_count"
        | b"total_output_tokens" => Then::Count(Field::OutputOther),
        b"total_tokens" | b"totalTokens" | b"totalTokenCount" | b"total_token_count" => {
            Then::Count(Field::Total)
        }
        b"prompt_tokens_details"
        | b"input_tokens_details"
        | b"input_token_details"
        | b"prompt_token_details" => Then::Into(At::InputDetails),
        b"completion_tokens_details"
        | b"output_tokens_details"
        | b"output_token_details"
        | b"completion_token_details" => Then::Into(At::OutputDetails),
        b"cached_tokens"
        | b"num_cached_tokens"
        | b"prompt_cache_hit_tokens"
        | b"cachedContentTokenCount"
        | b"cached_content_token_count"
        | b"total_cached_tokens" => Then::Count(Field::CachedInside),
        b"cache_read_input_tokens" | b"cacheReadInputTokens" | b"cacheReadInputTokenCount" => {
            Then::Count(Field::CacheRead)
        }
        b"cache_creation_input_tokens" | b"cacheWriteInputTokens" | b"cacheWriteInputTokenCount" => {
            Then::Count(Field::CacheWritten)
        }
        b"cache_creation" => Then::Into(At::CacheCreation),
        b"cacheDetails" => Then::Pairs(Pairs::CacheLifetime),
        b"reasoning_tokens" => Then::Count(Field::ReasoningApart),
        b"thoughtsTokenCount" | b"thoughts_token_count" | b"total_thought_tokens" => {
            Then::Count(Field::Thoughts)
        }
        b"toolUsePromptTokenCount"
        | b"tool_use_prompt_token_count"
        | b"total_tool_use_tokens"
        | b"connector_tokens" => Then::Count(Field::ToolPrompt),
        _ => usage_rare(key),
    }
}

/// Members of a usage that few providers write.
fn usage_rare(key: &[u8]) -> Then {
    match key {
        b"promptTokensDetails" | b"promptTokenDetails" | b"input_tokens_by_modality" => {
            Then::Pairs(Pairs::PromptModality)
        }
        b"cacheTokensDetails" | b"cached_tokens_by_modality" => Then::Pairs(Pairs::CachedModality),
        b"candidatesTokensDetails" | b"responseTokensDetails" | b"output_tokens_by_modality" => {
            Then::Pairs(Pairs::OutputModality)
        }
        b"billed_units" => Then::Into(At::Billed),
        b"iterations" => Then::Iterations,
        b"server_tool_use"
        | b"server_tool_use_details"
        | b"server_side_tool_usage_details"
        | b"serverToolUsage"
        | b"connectors" => Then::Into(At::ServerTools),
        b"num_search_queries" => Then::Count(Field::WebSearch),
        b"citation_tokens" => Then::Count(Field::Citation),
        b"pages_processed" => Then::Count(Field::Page),
        b"seconds" | b"prompt_audio_seconds" => Then::Millis(Field::AudioMs),
        b"service_tier" | b"serviceTier" | b"trafficType" | b"traffic_type" => Then::Name(Name::Tier),
        b"inference_geo" => Then::Name(Name::Region),
        b"speed" => Then::Name(Name::Speed),
        b"cost" | b"cost_in_usd_ticks" | b"is_byok" => Then::Cost,
        b"cost_details" => Then::CostDetails,
        _ => Then::Skip,
    }
}

/// Members of the details of input, cached input, and output.
fn details(at: At, key: &[u8]) -> Then {
    let [audio, image, video] = match at {
        At::InputDetails => [Field::InputAudio, Field::InputImage, Field::InputVideo],
        At::CachedDetails => [Field::CachedAudio, Field::CachedImage, Field::CachedVideo],
        _ => [Field::OutputAudio, Field::OutputImage, Field::OutputVideo],
    };
    match key {
        b"audio_tokens" => Then::Count(audio),
        b"image_tokens" => Then::Count(image),
        b"video_tokens" => Then::Count(video),
        b"cached_tokens" if at == At::InputDetails => Then::Count(Field::CachedInside),
        b"cache_write_tokens" | b"cache_creation_tokens" if at == At::InputDetails => {
            Then::Count(Field::WrittenInside)
        }
        b"cache_creation_input_tokens" if at == At::InputDetails => Then::Count(Field::WrittenInside),
        b"cache_creation" if at == At::InputDetails => Then::Into(At::CacheCreation),
        b"cached_tokens_details" if at == At::InputDetails => Then::Into(At::CachedDetails),
        b"reasoning_tokens" | b"thinking_tokens" if at == At::OutputDetails => Then::Count(Field::Reasoning),
        _ => Then::Skip,
    }
}

/// Members of what a model generates.
fn generated(at: At, key: &[u8]) -> Then {
    match (at, key) {
        (At::Choice, b"delta") => Then::Into(At::Delta),
        (At::Choice, b"message") => Then::Into(At::Message),
        (At::Choice, b"usage") | (At::Delta, b"usage") => Then::Into(At::Usage),
        (_, b"finish_reason" | b"stop_reason" | b"stopReason") => Then::Name(Name::Finish),
        (At::Thinking, b"text" | b"thinking" | b"reasoningText") => Then::Hidden,
        (At::Thinking, b"summary") => Then::Hidden,
        (At::ToolCall | At::Item, b"input") => Then::Hidden,
        (At::ToolCall, b"function" | b"custom") => Then::Into(At::ToolCall),
        (At::Item, b"arguments") => Then::Arguments,
        (At::Item, b"name") => Then::Name(Name::OfTool),
        (At::Item | At::Delta, b"type") => Then::Name(Name::Type),
        // What a tool was asked; what it found or printed stands under other names.
        (At::Item, b"action" | b"actions") => Then::Into(At::Action),
        // Converse puts a text that cites in a block of its own.
        (At::Item, b"citationsContent") => Then::Into(At::Item),
        (At::Item, b"thinking" | b"operation" | b"code" | b"queries") => Then::Hidden,
        (_, b"content" | b"summary") => Then::Content,
        (At::Delta | At::Item, b"message") => Then::Into(At::Delta),
        _ => written(at, key),
    }
}

/// Members of Gemini's answers.
fn gemini(at: At, key: &[u8]) -> Then {
    match (at, key) {
        (At::Candidate, b"content") => Then::Into(At::GeminiContent),
        (At::Candidate, b"finishReason" | b"finish_reason") => Then::Name(Name::Finish),
        (At::Candidate | At::Live, b"groundingMetadata" | b"grounding_metadata") => Then::Into(At::Grounding),
        (At::GeminiContent, b"parts") => Then::Into(At::GeminiContent),
        (At::GeminiContent, b"text") => Then::Text,
        (At::GeminiContent, b"thought") => Then::IsThought,
        (
            At::GeminiContent,
            b"functionCall" | b"function_call" | b"executableCode" | b"toolCall" | b"tool_call",
        ) => Then::Hidden,
        (At::GeminiContent, b"inlineData" | b"inline_data") => Then::Picture,
        (At::Grounding, b"webSearchQueries" | b"web_search_queries") => Then::Queries,
        (At::Grounding, b"groundingChunks" | b"grounding_chunks") => Then::Into(At::GroundingChunk),
        (At::Grounding, b"googleMapsWidgetContextToken") => Then::Maps,
        (At::Live, b"modelTurn" | b"outputTranscription") => Then::Into(At::GeminiContent),
        _ => Then::Skip,
    }
}

/// Members of objects that have few of them.
fn small(at: At, key: &[u8]) -> Then {
    match (at, key) {
        (At::Envelope, b"usage") => Then::Into(At::Usage),
        (At::Envelope, b"delta") => Then::Into(At::Delta),
        (At::Envelope, b"stopReason") | (At::Result, b"completionReason") => Then::Name(Name::Finish),
        (At::Envelope, b"serviceTier") => Then::Name(Name::Tier),
        (At::Envelope, b"error") => Then::Error,
        (At::Envelope, b"usage_breakdown") => Then::Breakdown,
        (At::Tool | At::Action, b"type") => Then::Name(Name::Action),
        (At::Tool, b"model") => Then::Name(Name::ToolModel),
        (At::Session, b"input_audio_transcription") => Then::Into(At::Transcription),
        (At::Session, b"audio") => Then::Into(At::SessionAudio),
        (At::SessionAudio, b"input") => Then::Into(At::SessionAudio),
        (At::SessionAudio, b"transcription") => Then::Into(At::Transcription),
        (At::Transcription, b"model") => Then::Name(Name::TranscriptionModel),
        (At::CacheCreation, b"ephemeral_5m_input_tokens") => Then::Count(Field::Written5m),
        (At::CacheCreation, b"ephemeral_1h_input_tokens") => Then::Count(Field::Written1h),
        (
            At::ServerTools,
            b"web_search_requests" | b"web_search_calls" | b"web_search" | b"web_search_premium",
        ) => Then::Count(Field::WebSearch),
        (At::ServerTools, b"web_fetch_requests") => Then::Count(Field::WebFetch),
        (At::ServerTools, b"file_search_calls") => Then::Count(Field::FileSearch),
        (At::ServerTools, b"x_search_calls") => Then::Count(Field::PostSearch),
        (At::ServerTools, b"document_search_calls") => Then::Count(Field::DocumentSearch),
        (At::ServerTools, b"code_interpreter_calls" | b"code_execution_requests") => {
            Then::Count(Field::CodeExecution)
        }
        (At::ServerTools, b"image_generation_calls") => Then::Count(Field::ImageGeneration),
        (At::Billed, b"input_tokens") => Then::Count(Field::BilledInput),
        (At::Billed, b"output_tokens") => Then::Count(Field::BilledOutput),
        (At::Billed, b"search_units") => Then::Count(Field::SearchUnit),
        (At::Billed, b"image_tokens") => Then::Count(Field::BilledImageTokens),
        (At::Billed, b"images") => Then::Count(Field::BilledImages),
        (At::Replicate, b"input_token_count") => Then::Count(Field::Input),
        (At::Replicate, b"output_token_count") => Then::Count(Field::Output),
        (At::Meta, b"billed_units") => Then::Into(At::Billed),
        (At::Cost, b"total_cost") => Then::Cost,
        (At::ToolUsage, b"image_gen") => Then::Into(At::ImageGeneration),
        (At::ToolUsage, b"web_search") => Then::Into(At::ToolUsage),
        (At::ToolUsage, b"num_requests") => Then::Count(Field::WebSearch),
        (At::Result, b"tokenCount" | b"generated_token_count") => Then::Count(Field::Output),
        // Later frames of watsonx say zero for what the first one said.
        (At::Result, b"input_token_count") => Then::CountMax(Field::Input),
        (At::Result, b"stop_reason") => Then::Name(Name::Status),
        (At::Result, b"outputText" | b"generated_text") => Then::Text,
        (At::Session, b"model") => Then::Name(Name::Model),
        (At::Feedback, b"blockReason" | b"block_reason") => Then::Name(Name::Blocked),
        (At::GroundingChunk, b"maps") => Then::Maps,
        (At::Arguments, b"queries") => Then::Queries,
        (At::Inlined, b"inlinedResponses") => Then::Into(At::Inlined),
        (At::CostDetails, b"upstream_inference_cost") => Then::Cost,
        (At::Drawn, b"b64_json") => Then::Picture,
        (At::Reason, b"reason") => Then::Name(Name::Reason),
        // What a search found was not generated.
        (At::Action, b"sources" | b"results" | b"output" | b"outputs") => Then::Skip,
        (At::Action, _) => Then::Hidden,
        _ => Then::Skip,
    }
}

/// Members of an error.
fn of_error(at: At, key: &[u8]) -> Then {
    match (at, key) {
        (At::Error, b"type" | b"code" | b"status") => Then::Name(Name::Error),
        (At::Error, b"message") => Then::Name(Name::Complaint),
        (At::Error, b"innererror" | b"inner_error") => Then::Into(At::InnerError),
        (At::InnerError, b"content_filter_result" | b"content_filter_results") => Then::FilterResult,
        (At::InnerError, b"code") => Then::Name(Name::Filter),
        _ => Then::Skip,
    }
}
