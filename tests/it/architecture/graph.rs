//! Which file of `src/` uses what which other file defines?
//!
//! # What counts
//! A module is a file. Every path is followed, through `use`, `pub use` and a facade's re-exports, to the file that defines its
//! name: that file is what is used, and the modules named on the way are not. So a facade neither hides a use nor makes one.
//!
//! * A private `use` is a use of what it names, and so is every path in code (`crate::`, `super::`, `self::`, or a name
//!   that the file has in scope).
//! * `pub use`, `pub(crate) use` and `mod x;` alone are none: a parent may declare its child and hand its names on, while the
//!   child uses what the parent's file defines. Once the parent's own code uses the child's items, they are a circle.
//! * A file may not hide behind methods, but we cannot see them: `a.b()` names no path. Where an `impl` stands apart from its
//!   type, the file with the `impl` uses the type's file, and callers of the method are not seen.
//! * Docs, comments, and what is compiled for tests only do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::source::{self, Source};
use super::tokens::{Token, closed};

/// A path inside the crate, from its root: the names of modules, then of an item.
type Names = Vec<String>;

/// What a name means in a file.
enum Meaning {
    /// The file defines it.
    Item,
    /// `mod name;`
    Module,
    /// `use path`, with the path as written.
    Import(Names),
}

/// A path as a file writes it: where from, and whether it was a re-export.
struct Written {
    names: Names,
    is_handed_on: bool,
}

struct File {
    source: &'static Source,
    module: Names,
    scope: HashMap<String, Vec<Meaning>>,
    /// The modules of which everything is in scope: `use super::*`.
    globs: Vec<Names>,
    paths: Vec<Written>,
}

/// The files of the crate, and who uses whom.
pub(super) struct Graph {
    files: Vec<File>,
    by_module: HashMap<Names, usize>,
    /// From the using file to the used one, with one path that says so.
    pub(super) uses: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a path turned out to be.
enum Found {
    /// An item, or what belongs to it, of this file.
    Item(usize),
    /// A module, or something outside of the crate.
    Nothing,
    /// The crate has no such name.
    Unknown(String),
}

impl Graph {
    /// Reads `src/`.
    ///
    /// # Panics
    /// Where a path of the crate leads nowhere: then the reader is at fault, because the compiler understands it.
    pub(super) fn read() -> &'static Self {
        static GRAPH: LazyLock<Graph> = LazyLock::new(Graph::of_library);
        &GRAPH
    }

    fn of_library() -> Self {
        let files: Vec<File> = source::library().iter().map(File::read).collect();
        let by_module = files.iter().enumerate().map(|(at, file)| (file.module.clone(), at)).collect();
        let mut graph = Self { files, by_module, uses: BTreeMap::new() };
        let mut unknown = BTreeSet::new();
        for (at, file) in graph.files.iter().enumerate() {
            let mut used = BTreeMap::new();
            for path in file.paths.iter().filter(|path| !path.is_handed_on) {
                match graph.find(at, &path.names, 0) {
                    Found::Item(other) if other != at => {
                        used.entry(graph.files[other].source.name.clone()).or_insert(path.names.join("::"));
                    }
                    Found::Unknown(why) => _ = unknown.insert(format!("{}: {why}", file.source.name)),
                    Found::Item(_) | Found::Nothing => {}
                }
            }
            graph.uses.insert(file.source.name.clone(), used);
        }
        assert!(unknown.is_empty(), "paths that the reader cannot follow:\n{unknown:#?}");
        graph
    }

    /// Where a path leads that stands in that file.
    fn find(&self, at: usize, names: &[String], depth: usize) -> Found {
        assert!(depth < 20, "a circle of re-exports: {names:?}");
        let file = &self.files[at];
        let Some((first, rest)) = names.split_first() else { return Found::Nothing };
        match first.as_str() {
            "crate" => self.walk(&Names::new(), rest, depth),
            "self" => self.walk(&file.module, rest, depth),
            "super" => {
                let parent = &file.module[..file.module.len() - 1];
                // More of `super` goes on from there.
                match self.by_module.get(parent) {
                    Some(above) if rest.first().is_some_and(|name| name == "super") => {
                        self.find(*above, rest, depth + 1)
                    }
                    _ => self.walk(parent, rest, depth),
                }
            }
            _ if file.scope.contains_key(first) => self.walk(&file.module, names, depth),
            _ => self.find_in_globs(file, names, depth),
        }
    }

    fn find_in_globs(&self, file: &File, names: &[String], depth: usize) -> Found {
        for glob in &file.globs {
            let parent = file.module[..file.module.len() - 1].to_vec();
            assert_eq!(*glob, ["super"], "{}: a glob that cannot be followed", file.source.name);
            if self.files[self.by_module[&parent]].scope.contains_key(&names[0]) {
                return self.walk(&parent, names, depth);
            }
        }
        Found::Nothing
    }

    /// Where a path leads from a module on.
    fn walk(&self, module: &[String], names: &[String], depth: usize) -> Found {
        let Some((first, rest)) = names.split_first() else { return Found::Nothing };
        let at = self.by_module[module];
        let file = &self.files[at];
        let meanings = file.scope.get(first).map_or(&[][..], Vec::as_slice);
        let mut found = Found::Nothing;
        for meaning in meanings {
            found = match meaning {
                Meaning::Item => return Found::Item(at),
                Meaning::Module => self.walk(&[module, std::slice::from_ref(first)].concat(), rest, depth),
                // `use serde::serde` can only mean another crate.
                Meaning::Import(path) if path[0] == *first => Found::Nothing,
                Meaning::Import(path) => self.find(at, &[path.as_slice(), rest].concat(), depth + 1),
            };
            if matches!(found, Found::Item(_)) {
                return found;
            }
        }
        let is_macro = || self.files.iter().any(|file| file.source.macros().any(|name| name == first));
        if meanings.is_empty() && file.source.makes(first) {
            return Found::Item(at);
        }
        if meanings.is_empty() && !(module.is_empty() && is_macro()) {
            return Found::Unknown(format!("{} has no {first}", file.source.name));
        }
        found
    }
}

impl File {
    fn read(source: &'static Source) -> Self {
        let mut file = Self {
            module: source.module(),
            source,
            scope: HashMap::new(),
            globs: Vec::new(),
            paths: Vec::new(),
        };
        let tokens = &source.tokens;
        let inline = inline_modules(tokens);
        let mut at = 0;
        let mut depth = 0_usize;
        while at < tokens.len() {
            let token = &tokens[at];
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                file.define(tokens, at);
            }
            let hidden = inline.iter().any(|(begin, end)| (*begin..*end).contains(&at));
            if token.is("use") {
                at = file.import(tokens, at, hidden);
            } else if token.is_word() && !follows(tokens, at, &["::", ".", "mod", "fn"]) {
                at = file.name(tokens, at, hidden);
            } else {
                at += 1;
            }
        }
        file.judge();
        file
    }

    /// Notes the item whose keyword stands there.
    fn define(&mut self, tokens: &[Token], at: usize) {
        const KEYWORDS: [&str; 10] =
            ["struct", "enum", "union", "trait", "fn", "const", "static", "type", "mod", "macro_rules"];
        if !KEYWORDS.contains(&tokens[at].text.as_str()) {
            return;
        }
        let Some(name) = tokens[at + 1..].iter().find(|token| !token.is("!") && !token.is("mut")) else {
            return;
        };
        let is_file = tokens[at].is("mod") && tokens[at + 2].is(";");
        let meaning = if is_file { Meaning::Module } else { Meaning::Item };
        self.scope.entry(name.text.clone()).or_default().push(meaning);
    }

    /// Notes what the `use` that stands there brings into scope, and answers the index behind it.
    fn import(&mut self, tokens: &[Token], at: usize, hidden: bool) -> usize {
        let is_handed_on = follows(tokens, at, &["pub", ")"]);
        let end = at + tokens[at..].iter().position(|token| token.is(";")).unwrap();
        if tokens[at + 1].is("<") || tokens[at + 1].is("'a") {
            return at + 1; // `impl Trait + use<'a>`
        }
        for (path, name) in leaves(&tokens[at + 1..end], &[]) {
            let path = if hidden { outside(&path) } else { path };
            if name == "*" {
                self.globs.push(path);
                continue;
            }
            if !hidden && !path.is_empty() {
                self.scope.entry(name).or_default().push(Meaning::Import(path.clone()));
            }
            self.paths.push(Written { names: path, is_handed_on });
        }
        end
    }

    /// Notes the path that begins there, and answers the index behind it.
    fn name(&mut self, tokens: &[Token], at: usize, hidden: bool) -> usize {
        let mut names = vec![tokens[at].text.clone()];
        let mut end = at + 1;
        while tokens.get(end).is_some_and(|token| token.is("::"))
            && tokens.get(end + 1).is_some_and(Token::is_word)
        {
            names.push(tokens[end + 1].text.clone());
            end += 2;
        }
        let names = if hidden { outside(&names) } else { names };
        self.paths.push(Written { names, is_handed_on: false });
        end
    }

    /// A path by a name that the file itself defines is no use of another, and other words are no paths at all.
    fn judge(&mut self) {
        let (scope, globs) = (&self.scope, &self.globs);
        let is_path = |name: &String| {
            ["crate", "self", "super"].contains(&name.as_str())
                || !globs.is_empty() && !scope.contains_key(name)
                || scope.get(name).is_some_and(|all| !all.iter().any(|one| matches!(one, Meaning::Item)))
        };
        self.paths.retain(|path| path.names.first().is_some_and(is_path) && path.names != ["self"]);
    }
}

fn follows(tokens: &[Token], at: usize, what: &[&str]) -> bool {
    at > 0 && what.contains(&tokens[at - 1].text.as_str())
}

/// Where `mod name { … }` stands: its items belong to this file.
fn inline_modules(tokens: &[Token]) -> Vec<(usize, usize)> {
    let begins = (2..tokens.len()).filter(|at| tokens[*at].is("{") && tokens[at - 2].is("mod"));
    begins.map(|at| (at, closed(tokens, at))).collect()
}

/// A path that is written in an inline module, as the file around it would write it.
fn outside(names: &[String]) -> Names {
    match names.split_first() {
        Some((first, rest)) if first == "super" => {
            let above = rest.first().is_some_and(|name| name == "super");
            if above { rest.to_vec() } else { [&["self".to_owned()], rest].concat() }
        }
        Some((first, _)) if first == "self" => Names::new(),
        _ => names.to_vec(),
    }
}

/// The paths of a `use`, one for each branch of its groups, each with the name that it brings into scope.
fn leaves(tree: &[Token], before: &[String]) -> Vec<(Names, String)> {
    let mut path = before.to_vec();
    let mut at = 0;
    while let Some(token) = tree.get(at) {
        match token.text.as_str() {
            "{" => {
                let group = &tree[at + 1..closed(tree, at) - 1];
                return branches(group).into_iter().flat_map(|branch| leaves(branch, &path)).collect();
            }
            "as" => return vec![(path, tree[at + 1].text.clone())],
            "*" => return vec![(path, "*".to_owned())],
            "::" => {}
            // `a::{self}` is `a`.
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
        at += 1;
    }
    let name = path.last().cloned().unwrap_or_default();
    vec![(path, name)]
}

/// The names that a file hands on by `pub use`, and the items that it defines for everybody; modules are not counted.
pub(super) fn handed_on(tokens: &[Token]) -> Vec<String> {
    let mut names = Vec::new();
    for at in 1..tokens.len() {
        if !tokens[at - 1].is("pub") {
            continue;
        }
        match tokens[at].text.as_str() {
            "use" => {
                let end = at + tokens[at..].iter().position(|token| token.is(";")).unwrap();
                names.extend(leaves(&tokens[at + 1..end], &[]).into_iter().map(|(_, name)| name));
            }
            "mod" | "(" => {}
            _ => names.push(tokens[at + 1].text.clone()),
        }
    }
    names
}

/// The parts of a group, split at its own commas.
fn branches(group: &[Token]) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let (mut begin, mut at) = (0, 0);
    while at < group.len() {
        if group[at].is("{") {
            at = closed(group, at);
            continue;
        }
        if group[at].is(",") {
            parts.push(&group[begin..at]);
            begin = at + 1;
        }
        at += 1;
    }
    parts.push(&group[begin..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn the_reader_of_imports_reads_groups() {
    let names = |text: &str| -> Vec<String> {
        leaves(&super::tokens::tokens(text), &[])
            .into_iter()
            .map(|(path, name)| format!("{} {name}", path.join("::")))
            .collect()
    };
    assert_eq!(
        names("a::{B, c::{self, D, E as X}, F}"),
        ["a::B B", "a::c c", "a::c::D D", "a::c::E X", "a::F F"]
    );
    assert_eq!(names("{Usd, policy::Budget}"), ["Usd Usd", "policy::Budget Budget"]);
}

#[test]
fn a_facade_neither_hides_a_use_nor_makes_one() {
    let graph = Graph::read();
    let of_plan = &graph.uses["lib.rs"];
    // `lib.rs` only hands names on.
    assert!(of_plan.is_empty(), "{of_plan:?}");
    // `crate::Usd` is the file of `Usd`, whoever hands it on.
    let of_decision = &graph.uses["decision.rs"];
    assert!(of_decision.keys().any(|file| file.ends_with("money.rs")), "{of_decision:?}");
}
