//! What does a provider make of a tool's description before the model reads it?
//!
//! A model does not read the JSON that a request sends. OpenAI writes each function as a
//! TypeScript type, most others show JSON without its envelope. The shown text is mostly
//! shorter than what is sent, so counting the sent JSON holds too much. For example, OpenAI's
//! models read
//!
//! ```text
//! // Tells the weather.
//! type weather = (_: {
//! // Which city.
//! city: string,
//! unit?: "c" | "f", // default: "c"
//! }) => any;
//! ```
//!
//! for a schema in JSON. What cannot be understood is never shortened: it
//! counts as it is written. And nothing here grows without end: a schema may refer to
//! itself, so depth, text and members have limits.

use std::collections::HashSet;
use std::sync::Arc;

use super::document::{Document, Kind, Node};
use super::own_tool::OwnTool;
use crate::values::Prompt;

/// A tool as it was described.
pub(super) enum Tool<'d> {
    /// A function of the caller's.
    Function(Function<'d>),
    /// One of the provider's own, such as a web search.
    Own(OwnTool),
}

/// A function's name, its description, and the schema of its arguments.
pub(super) struct Function<'d> {
    name: Option<Node<'d>>,
    description: Option<Node<'d>>,
    parameters: Option<Node<'d>>,
}

/// A longer description is not looked into, and counts as a server's tools: it may be
/// anything. A tool has a few kilobytes at most.
const BYTES_READ: usize = 64 * 1_024;
/// Deeper schemas are cut off: a reference may name itself.
const DEPTH_MAX: usize = 16;
/// References may say much with few bytes, so the text has a limit: so many bytes for each
/// byte of the schema.
const GROWTH_MAX: usize = 4;
/// No tool has more members. An object that has more is taken for one whose names are
/// doubled, and counts as it is written.
const MEMBERS_MAX: usize = 32;
/// More required fields than these are written as optional: it is one sign each.
const REQUIRED_MAX: usize = 1_000;

impl<'d> Tool<'d> {
    /// Reads a description in any provider's envelope; `None` if it is no JSON object.
    pub(super) fn read(document: &'d Document<'d>) -> Option<Self> {
        let envelope = Some(document.root()).filter(Node::is_object)?;
        let inner = ["function", "toolSpec", "custom"]
            .iter()
            .find_map(|field| envelope.get(field).filter(Node::is_object));
        let fields = inner.unwrap_or(envelope);
        let kind = envelope.get("type").and_then(|kind| kind.text());
        let kind = kind.as_deref();
        let parameters = parameters(fields);
        let is_function =
            parameters.is_some() || inner.is_some() || matches!(kind, Some("function" | "custom"));
        // A vendor's own tool may carry parameters beside a type in the vendor's name.
        let is_vendors = kind.is_some_and(|kind| kind.contains(':'));
        let own = OwnTool::of(envelope);
        // Of two members of one name nobody knows which is shown: what cannot be told apart counts as it is written.
        let is_own = is_vendors || own.reads_something() || is_doubled(envelope) || is_doubled(fields);
        if is_own || !(is_function || kind.is_none() && fields.get("description").is_some()) {
            return Some(Self::Own(own));
        }
        let (name, description) = (fields.get("name"), fields.get("description"));
        Some(Self::Function(Function { name, description, parameters }))
    }
}

/// The provider's own tool that a description names; `None` if it describes a function
/// of the caller's, or is no JSON.
pub(super) fn own_tool(description: &str) -> Option<OwnTool> {
    if description.len() > BYTES_READ {
        return Some(OwnTool::Server);
    }
    let document = Document::parse(description).ok()?;
    match Tool::read(&document) {
        Some(Tool::Own(own)) => Some(own),
        Some(Tool::Function(_)) => None,
        None => Some(OwnTool::Nothing),
    }
}

/// Whether the provider runs a tool of a prompt by itself, and reads what the tool
/// found.
pub(crate) fn runs_own_tool(prompt: &Prompt) -> bool {
    let runs = |tool: &Arc<str>| own_tool(tool).is_some_and(OwnTool::reads_something);
    prompt.tools.iter().any(runs)
}

/// Whether two members of an object have one name, or there are too many to look.
fn is_doubled(object: Node<'_>) -> bool {
    let mut rest = object.children();
    if rest.clone().nth(MEMBERS_MAX).is_some() {
        return true;
    }
    while let Some(one) = rest.next() {
        if rest.clone().any(|other| other.is_named(&one.key())) {
            return true;
        }
    }
    false
}

/// The schema of the arguments, under whatever name an API gives it.
fn parameters(fields: Node<'_>) -> Option<Node<'_>> {
    const FIELDS: [&str; 6] = [
        "parameters",
        "input_schema",
        "inputSchema",
        "parametersJsonSchema",
        "parameters_json_schema",
        "parameter_definitions",
    ];
    let found = FIELDS.iter().find_map(|field| fields.get(field))?;
    Some(found.get("json").unwrap_or(found))
}

impl Function<'_> {
    /// As JSON without its envelope: what most chat templates show.
    pub(super) fn json(&self) -> String {
        let json =
            |node: Option<Node<'_>>, none: &str| node.map_or_else(|| none.to_owned(), |node| node.json());
        let (name, description) = (json(self.name, "\"\""), json(self.description, "\"\""));
        format!(
            r#"{{"name":{name},"description":{description},"parameters":{}}}"#,
            json(self.parameters, "null")
        )
    }

    /// As a TypeScript type: what OpenAI's models read.
    pub(super) fn typescript(&self) -> String {
        let text = |node: Option<Node<'_>>| {
            node.and_then(|node| node.text().map(|text| text.into_owned())).unwrap_or_default()
        };
        let bytes = self.parameters.map_or(0, |parameters| parameters.raw().len());
        let limit = bytes.saturating_mul(GROWTH_MAX);
        let mut writer = Writer { root: self.parameters, text: String::new(), limit };
        writer.comment(&text(self.description));
        writer.push("type ");
        writer.push(&text(self.name));
        let parameters = self.parameters.filter(|schema| {
            schema
                .get("properties")
                .is_some_and(|properties| properties.is_object() && !properties.is_empty())
        });
        if let Some(parameters) = parameters {
            writer.push(" = (_: ");
            writer.object(parameters, 0);
            writer.push(") => any;\n\n");
        } else {
            writer.push(" = () => any;\n\n");
        }
        writer.text
    }
}

/// Writes a schema as a type.
struct Writer<'d> {
    root: Option<Node<'d>>,
    text: String,
    /// Bytes after which nothing more is written.
    limit: usize,
}

impl<'d> Writer<'d> {
    /// Adds a text.
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Whether nothing more is written: too deep, or too long.
    fn is_full(&self, depth: usize) -> bool {
        depth > DEPTH_MAX || self.text.len() > self.limit.saturating_add(4_096)
    }

    /// Writes a description, each line behind `//`.
    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.push("// ");
            self.push(line);
            self.push("\n");
        }
    }

    /// Writes an object's properties as fields.
    fn object(&mut self, schema: Node<'d>, depth: usize) {
        self.push("{\n");
        let required = schema.get("required").into_iter().flat_map(|required| required.children());
        let required: HashSet<_> = required.take(REQUIRED_MAX).filter_map(|name| name.text()).collect();
        let properties = schema.get("properties").filter(Node::is_object);
        for property in properties.into_iter().flat_map(|properties| properties.children()) {
            let name = property.key();
            self.comment(&property.get("description").and_then(|text| text.text()).unwrap_or_default());
            self.push(&name);
            self.push(if required.contains(&name) { ": " } else { "?: " });
            self.kind(property, depth);
            self.push(",");
            if let Some(default) = property.get("default") {
                self.push(" // default: ");
                self.push(&default.json());
            }
            self.push("\n");
        }
        self.push("}");
    }

    /// Writes the type that a schema stands for; `any` if it says none.
    fn kind(&mut self, schema: Node<'d>, depth: usize) {
        let depth = depth.saturating_add(1);
        if self.is_full(depth) {
            return self.push("any");
        }
        if let Some(reference) = schema.get("$ref").and_then(|reference| reference.text()) {
            return match reference.strip_prefix('#').and_then(|path| self.pointed(path)) {
                Some(pointed) => self.kind(pointed, depth),
                None => self.push("any"),
            };
        }
        let list = |field: &str| schema.get(field).filter(|list| list.kind() == Kind::Array);
        if let Some(choices) = list("enum") {
            if choices.has_bare() {
                // Numbers are written as they stand in their list.
                return self.push(&choices.json());
            }
            return self.union(choices, |writer, choice| writer.push(&choice.json()));
        }
        if let Some(constant) = schema.get("const") {
            return self.push(&constant.json());
        }
        if let Some(choices) = ["anyOf", "oneOf", "allOf"].iter().find_map(|field| list(field)) {
            return self.union(choices, |writer, choice| writer.kind(choice, depth));
        }
        if let Some(kinds) = list("type") {
            return self.union(kinds, |writer, kind| {
                writer.named(&kind.text().unwrap_or_else(|| "any".into()), schema, depth);
            });
        }
        match schema.get("type").and_then(|kind| kind.text()) {
            Some(kind) => self.named(&kind, schema, depth),
            _ => self.push("any"),
        }
    }

    /// What a reference of that path points to: `/$defs/Cat`.
    fn pointed(&self, path: &str) -> Option<Node<'d>> {
        let mut at = self.root?;
        for name in path.split('/').skip(1) {
            let name = name.replace("~1", "/").replace("~0", "~");
            at = match at.kind() {
                Kind::Array => at.children().nth(name.parse().ok()?)?,
                _ => at.get(&name)?,
            };
        }
        Some(at)
    }

    /// Writes choices with `|` between them.
    fn union(&mut self, choices: Node<'d>, mut each: impl FnMut(&mut Self, Node<'d>)) {
        for (place, choice) in choices.children().enumerate() {
            if place > 0 {
                self.push(" | ");
            }
            each(self, choice);
        }
    }

    /// Writes a type by its name.
    fn named(&mut self, kind: &str, schema: Node<'d>, depth: usize) {
        match kind {
            "array" | "ARRAY" => {
                match schema.get("items") {
                    Some(items) => self.kind(items, depth),
                    None => self.push("any"),
                }
                self.push("[]");
            }
            "object" | "OBJECT" if schema.get("properties").is_some() => self.object(schema, depth),
            "integer" | "INTEGER" => self.push("number"),
            other => self.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function<T>(description: &str, then: impl FnOnce(&Function<'_>) -> T) -> T {
        let document = Document::parse(description).expect("JSON");
        match Tool::read(&document) {
            Some(Tool::Function(function)) => then(&function),
            _ => panic!("not a function: {description}"),
        }
    }

    #[test]
    fn a_schema_is_written_as_a_type() {
        let tool = r#"{"type":"function","function":{"name":"weather","description":"Tells the weather.",
            "parameters":{"type":"object","required":["city"],"properties":{
                "city":{"type":"string","description":"Which city."},
                "unit":{"enum":["c","f"],"default":"c"},
                "days":{"type":"array","items":{"type":"integer"}}}}}}"#;
        let expected = "// Tells the weather.\ntype weather = (_: {\n// Which city.\ncity: string,\n\
            unit?: \"c\" | \"f\", // default: \"c\"\ndays?: number[],\n}) => any;\n\n";
        assert_eq!(function(tool, |function| function.typescript()), expected);
    }

    #[test]
    fn every_envelope_holds_the_same_function() {
        let schema = r#"{"type":"object"}"#;
        let expected = format!(r#"{{"name":"a","description":"b","parameters":{schema}}}"#);
        for tool in [
            format!(r#"{{"type":"function","name":"a","description":"b","parameters":{schema}}}"#),
            format!(r#"{{"name":"a","description":"b","input_schema":{schema}}}"#),
            format!(r#"{{"toolSpec":{{"name":"a","description":"b","inputSchema":{{"json":{schema}}}}}}}"#),
            format!(r#"{{"name":"a","description":"b","parametersJsonSchema":{schema}}}"#),
        ] {
            assert_eq!(function(&tool, |function| function.json()), expected);
        }
    }

    #[test]
    fn a_providers_own_tool_is_no_function() {
        for tool in [
            r#"{"type":"web_search"}"#,
            r#"{"googleSearch":{}}"#,
            r#"{"type":"bash_20250124","name":"bash"}"#,
        ] {
            let document = Document::parse(tool).expect("JSON");
            assert!(matches!(Tool::read(&document), Some(Tool::Own(_))), "{tool}");
        }
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        let tool = r##"{"name":"a","parameters":{"properties":{"x":{"$ref":"#"},"y":{"type":"object",
            "properties":{"p":{"$ref":"#"},"q":{"$ref":"#"}}}},"type":"object"}}"##;
        assert!(function(tool, |function| function.typescript()).len() < 20_000);
    }

    #[test]
    fn a_tool_is_known_by_its_type_or_by_the_field_that_switches_it_on() {
        for (description, own) in [
            (r#"{"type":"web_search_20250305","name":"web_search","max_uses":5}"#, Some(OwnTool::Search)),
            (r#"{"type":"web_search_preview"}"#, Some(OwnTool::Search)),
            (r#"{"type":"web_fetch_20250910"}"#, Some(OwnTool::Pages)),
            (r#"{"type":"file_search","vector_store_ids":["v"]}"#, Some(OwnTool::Files)),
            (r#"{"type":"code_interpreter","container":{"type":"auto"}}"#, Some(OwnTool::Code)),
            (r#"{"type":"mcp","server_url":"https://example.com"}"#, Some(OwnTool::Server)),
            (r#"{"googleSearch":{}}"#, Some(OwnTool::Search)),
            (r#"{"type":"bash_20250124","name":"bash"}"#, Some(OwnTool::Nothing)),
            // A word of a function beside it makes it none of the caller's.
            (r#"{"type":"web_search","parameters":{}}"#, Some(OwnTool::Search)),
            (r#"{"type":"function","function":{"name":"web_search","parameters":{}}}"#, None),
            (r#"{"name":"look","description":"looks"}"#, None),
        ] {
            assert_eq!(own_tool(description), own, "{description}");
        }
    }
}
