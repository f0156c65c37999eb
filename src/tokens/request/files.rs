//! What is a file whose bytes stand in the request?
//!
//! A file is what its bytes and all words beside it agree on. If two words contradict each other, if a second
//! file or an address stands beside it, or if the bytes are not what they are said to be, nothing is believed.

use super::draft::PromptDraft;
use super::encoded;
use super::figures::figure;
use super::label::label;
use super::looks::{closeness, detail};
use super::name::Name;
use crate::tokens::document::{Kind, Node};
use crate::tokens::{pdf, sound};
use crate::values::call::message::{Film, Pages, Sound};
use crate::values::{Detail, Part};

/// Files may stand as deep: `{document: {source: {bytes}}}`.
const DEPTH_MAX: u8 = 3;

/// Adds the one file that stands in an object, and what stands beside it; `false` if it cannot be told what it is.
/// `around` may say how closely to look at it; the fields of a part are read with the part.
pub(super) fn read(draft: &mut PromptDraft, value: Node<'_>, around: Node<'_>, is_part: bool) -> bool {
    let mut found = FoundFile::default();
    found.look(value, DEPTH_MAX);
    let Some(data) = found.data.filter(|_| !found.is_elsewhere) else { return false };
    let text = data.text().unwrap_or_default();
    if let Some((kind, _)) = encoded::data_url(&text) {
        found.say(kind);
    }
    let asked = [value, around].into_iter().filter_map(detail).chain(draft.looks);
    let asked = asked.max_by_key(|detail| closeness(*detail)).unwrap_or_default();
    match found.said {
        // OpenAI puts a summary of its own beside a table.
        Said::Table if Name::of(&data).as_str() == "filedata" => return false,
        Said::Text | Said::Table => match encoded::bytes(&text) {
            Some(bytes) if is_text(&bytes) => draft.text(&String::from_utf8_lossy(&bytes)),
            _ => return false,
        },
        Said::Pdf | Said::Nothing => match pages(&text, found.said, asked) {
            Some(pages) => draft.file(Part::Pages(pages)),
            None => return false,
        },
        Said::Sound | Said::Film => {
            let Some(clip) = encoded::bytes(&text).and_then(|bytes| sound::read(&bytes)) else {
                return false;
            };
            let is_film = clip.is_film || found.said == Said::Film;
            draft.file(if is_film {
                let frames =
                    clip.length_ms.div_ceil(1_000).saturating_mul(frames_each_second([value, around]));
                Part::Film(Film { length_ms: clip.length_ms, frames, detail: asked })
            } else {
                Part::Sound(Sound { length_ms: clip.length_ms })
            });
        }
        Said::Other => return false,
    }
    beside(draft, value, is_part, DEPTH_MAX);
    true
}

/// Whether bytes may be the text that they are said to be: a provider that looks at them itself would find a PDF, or
/// what is packed, in others.
fn is_text(bytes: &[u8]) -> bool {
    !pdf::is_pdf(bytes) && memchr::memchr(0, bytes).is_none()
}

/// How many images of a film are asked for; one, unless said otherwise.
fn frames_each_second(places: [Node<'_>; 2]) -> u64 {
    let mut most = 1;
    for place in places {
        let settings = place.children().filter(|field| Name::of(field).as_str() == "videometadata");
        for settings in settings.chain([place]) {
            most = most.max(settings.get("fps").and_then(figure).unwrap_or(1));
        }
    }
    most
}

/// The pages of a PDF. If no word says what the file is, its first bytes must.
fn pages(text: &str, said: Said, detail: Detail) -> Option<Pages> {
    const BEGINNING: &str = "JVBERi0";
    if said == Said::Nothing && !encoded::data(text)?.starts_with(BEGINNING) {
        return None;
    }
    let bytes = encoded::bytes(text).filter(|bytes| pdf::is_pdf(bytes))?;
    let pdf = pdf::read(&bytes)?;
    Some(Pages { count: pdf.pages, text_tokens: pdf.text_tokens, detail })
}

/// The file of an object, and what is said of it.
#[derive(Default)]
struct FoundFile<'d> {
    data: Option<Node<'d>>,
    /// Something is there that is read as well, and not here.
    is_elsewhere: bool,
    said: Said,
}

/// How a table's name ends.
const TABLES: [&str; 5] = [".csv", ".tsv", ".xls", ".xlsx", ".iif"];

/// What a file is said to be, by all words together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Said {
    #[default]
    Nothing,
    Pdf,
    Text,
    Table,
    Sound,
    Film,
    /// Of another kind, or of two.
    Other,
}

impl<'d> FoundFile<'d> {
    /// Looks through an object for the one file in it.
    fn look(&mut self, value: Node<'d>, depth: u8) {
        for field in value.children().filter(|field| !field.is_empty()) {
            match FileUse::of(&field) {
                FileUse::Data if self.data.is_none() => self.data = Some(field),
                FileUse::Data | FileUse::Elsewhere => self.is_elsewhere = true,
                FileUse::Around => match depth.checked_sub(1) {
                    Some(depth) => self.look(field, depth),
                    None => self.is_elsewhere = true,
                },
                FileUse::Kind => self.say(&field.text().unwrap_or_default()),
                FileUse::Beside if Name::of(&field).as_str() == "filename" => {
                    // OpenAI tells a table by it as well.
                    let name = field.text().unwrap_or_default().to_ascii_lowercase();
                    let is_table = TABLES.iter().any(|end| name.ends_with(end));
                    self.say(if is_table { "csv" } else { "" });
                }
                FileUse::Beside => {}
            }
        }
    }

    /// Takes note of a word for the kind of the file; two that contradict each other make
    /// it unknown.
    fn say(&mut self, kind: &str) {
        let said = Said::of(kind);
        let is_new = self.said == Said::Nothing || said == Said::Nothing || self.said == said;
        self.said = match is_new {
            true if said == Said::Nothing => self.said,
            true => said,
            false => Said::Other,
        };
    }
}

impl Said {
    /// By a media type, or by a format in one word.
    fn of(kind: &str) -> Self {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "" | "base64" | "application/octet-stream" => Self::Nothing,
            "pdf" | "application/pdf" | "application/x-pdf" => Self::Pdf,
            "csv" | "text/csv" | "text/tab-separated-values" | "text/x-iif" => Self::Table,
            "txt" | "md" | "html" => Self::Text,
            "application/json"
            | "application/xml"
            | "application/javascript"
            | "application/x-javascript"
            | "application/x-python"
            | "application/x-typescript"
            | "application/yaml"
            | "application/x-yaml" => Self::Text,
            "wav" | "mp3" | "flac" | "ogg" | "opus" | "aac" | "m4a" => Self::Sound,
            "mp4" | "mov" | "application/mp4" => Self::Film,
            _ if kind.starts_with("audio/") => Self::Sound,
            _ if kind.starts_with("video/") => Self::Film,
            // Read page by page, or with its pictures.
            "text/rtf" => Self::Other,
            _ if kind.starts_with("text/") => Self::Text,
            _ => Self::Other,
        }
    }
}

/// What a field of a file's object is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FileUse {
    Data,
    /// An object with the file in it.
    Around,
    Elsewhere,
    Kind,
    Beside,
}

impl FileUse {
    fn of(field: &Node<'_>) -> Self {
        match Name::of(field).as_str() {
            "data" | "bytes" | "base64" | "filedata" | "url" | "documenturl" | "audiourl" | "videourl"
            | "fileurl" | "file" | "source" | "document" | "inputaudio" | "audio" | "video"
            | "inputvideo" => match field.kind() {
                Kind::Text => Self::Data,
                Kind::Object => Self::Around,
                _ => Self::Elsewhere,
            },
            "fileid" | "fileids" | "fileuri" | "s3location" | "content" | "text" | "contents" => {
                Self::Elsewhere
            }
            "mimetype" | "mediatype" | "format" => Self::Kind,
            _ => Self::Beside,
        }
    }
}

/// What stands beside a file in its objects; of a part, its own fields are read with it.
fn beside(draft: &mut PromptDraft, value: Node<'_>, is_part: bool, depth: u8) {
    for field in value.children().filter(|field| !field.is_empty()) {
        match (FileUse::of(&field), Name::of(&field).as_str()) {
            (FileUse::Around, _) if depth > 0 => beside(draft, field, false, depth.saturating_sub(1)),
            (FileUse::Data, _) => {}
            (_, "filename") => label(draft, field),
            _ if is_part => {}
            (FileUse::Kind, _)
            | (_, "type" | "name" | "displayname" | "detail" | "mediaresolution" | "cachecontrol") => {
                label(draft, field);
            }
            _ => draft.json(field.member_json()),
        }
    }
}
