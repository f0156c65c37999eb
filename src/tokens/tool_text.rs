//! What does a provider make of a tool's description before the model reads it?

use std::collections::HashSet;

use serde_json::{Map, Value};

/// A tool as it was described.
pub(super) enum Tool {
    /// A function of the caller's.
    Function(Function),
    /// One of the provider's own, such as a web search.
    Own,
}

/// A function's name, what it is for, and the schema of its arguments.
pub(super) struct Function {
    name: String,
    description: String,
    parameters: Value,
}

/// Deeper schemas are cut off: a reference may name itself.
const DEPTH_MAX: usize = 16;
/// References may say much with few bytes: so many of text for each of a schema.
const GROWTH_MAX: usize = 4;

impl Tool {
    /// Reads a description in any provider's envelope; none where it is no JSON object.
    pub(super) fn read(description: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(description).ok()?;
        let envelope = value.as_object()?;
        let inner =
            ["function", "toolSpec", "custom"].iter().find_map(|field| envelope.get(*field)?.as_object());
        let fields = inner.unwrap_or(envelope);
        let kind = envelope.get("type").and_then(Value::as_str);
        let parameters = parameters(fields);
        let is_function =
            parameters.is_some() || inner.is_some() || matches!(kind, Some("function" | "custom"));
        // A vendor's own tool may carry parameters beside a type in the vendor's name.
        let is_vendors = kind.is_some_and(|kind| kind.contains(':'));
        if is_vendors || !(is_function || kind.is_none() && fields.contains_key("description")) {
            return Some(Self::Own);
        }
        let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let parameters = parameters.cloned().unwrap_or(Value::Null);
        Some(Self::Function(Function { name: text("name"), description: text("description"), parameters }))
    }
}

fn parameters(fields: &Map<String, Value>) -> Option<&Value> {
    const FIELDS: [&str; 6] = [
        "parameters",
        "input_schema",
        "inputSchema",
        "parametersJsonSchema",
        "parameters_json_schema",
        "parameter_definitions",
    ];
    let found = FIELDS.iter().find_map(|field| fields.get(*field))?;
    Some(found.get("json").unwrap_or(found))
}

impl Function {
    /// As JSON without its envelope: what most chat templates show.
    pub(super) fn json(&self) -> String {
        let quoted = |text: &str| Value::from(text).to_string();
        let (name, description) = (quoted(&self.name), quoted(&self.description));
        format!(r#"{{"name":{name},"description":{description},"parameters":{}}}"#, self.parameters)
    }

    /// As a TypeScript type: what OpenAI's models read.
    pub(super) fn typescript(&self) -> String {
        let limit = self.parameters.to_string().len().saturating_mul(GROWTH_MAX);
        let mut writer = Writer { root: &self.parameters, text: String::new(), limit };
        writer.comment(&self.description);
        writer.push("type ");
        writer.push(&self.name);
        let properties = self.parameters.get("properties").and_then(Value::as_object);
        if properties.is_some_and(|properties| !properties.is_empty()) {
            writer.push(" = (_: ");
            writer.object(&self.parameters, 0);
            writer.push(") => any;\n\n");
        } else {
            writer.push(" = () => any;\n\n");
        }
        writer.text
    }
}

/// Writes a schema as a type.
struct Writer<'a> {
    root: &'a Value,
    text: String,
    /// Bytes after which nothing more is written.
    limit: usize,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn is_full(&self, depth: usize) -> bool {
        depth > DEPTH_MAX || self.text.len() > self.limit.saturating_add(4_096)
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.push("// ");
            self.push(line);
            self.push("\n");
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) {
        self.push("{\n");
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let required: HashSet<&str> = required.filter_map(Value::as_str).collect();
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            self.comment(property.get("description").and_then(Value::as_str).unwrap_or_default());
            self.push(name);
            self.push(if required.contains(name.as_str()) { ": " } else { "?: " });
            self.kind(property, depth);
            self.push(",");
            if let Some(default) = property.get("default") {
                self.push(" // default: ");
                self.push(&default.to_string());
            }
            self.push("\n");
        }
        self.push("}");
    }

    fn kind(&mut self, schema: &Value, depth: usize) {
        let depth = depth.saturating_add(1);
        if self.is_full(depth) {
            return self.push("any");
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let root = self.root;
            let pointed = reference.strip_prefix('#').and_then(|path| root.pointer(path));
            return match pointed {
                Some(pointed) => self.kind(pointed, depth),
                None => self.push("any"),
            };
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return self.union(choices, |writer, choice| writer.push(&choice.to_string()));
        }
        if let Some(constant) = schema.get("const") {
            return self.push(&constant.to_string());
        }
        if let Some(choices) =
            ["anyOf", "oneOf", "allOf"].iter().find_map(|field| schema.get(*field)?.as_array())
        {
            return self.union(choices, |writer, choice| writer.kind(choice, depth));
        }
        match schema.get("type") {
            Some(Value::Array(kinds)) => self.union(kinds, |writer, kind| {
                writer.named(kind.as_str().unwrap_or("any"), schema, depth);
            }),
            Some(Value::String(kind)) => self.named(kind, schema, depth),
            _ => self.push("any"),
        }
    }

    fn union(&mut self, choices: &[Value], mut each: impl FnMut(&mut Self, &Value)) {
        for (place, choice) in choices.iter().enumerate() {
            if place > 0 {
                self.push(" | ");
            }
            each(self, choice);
        }
    }

    fn named(&mut self, kind: &str, schema: &Value, depth: usize) {
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

    fn function(description: &str) -> Function {
        match Tool::read(description) {
            Some(Tool::Function(function)) => function,
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
            days?: number[],\nunit?: \"c\" | \"f\", // default: \"c\"\n}) => any;\n\n";
        assert_eq!(function(tool).typescript(), expected);
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
            assert_eq!(function(&tool).json(), expected);
        }
    }

    #[test]
    fn a_providers_own_tool_is_no_function() {
        for tool in [
            r#"{"type":"web_search"}"#,
            r#"{"googleSearch":{}}"#,
            r#"{"type":"bash_20250124","name":"bash"}"#,
        ] {
            assert!(matches!(Tool::read(tool), Some(Tool::Own)), "{tool}");
        }
        assert!(Tool::read("no json").is_none());
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        let tool = r##"{"name":"a","parameters":{"properties":{"x":{"$ref":"#"},"y":{"type":"object",
            "properties":{"p":{"$ref":"#"},"q":{"$ref":"#"}}}},"type":"object"}}"##;
        assert!(function(tool).typescript().len() < 20_000);
    }
}
