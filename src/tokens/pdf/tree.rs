//! How many pages does the tree of pages come to?
//!
//! A tree may be a graph: a node that names one branch a thousand times has a thousand
//! times its leaves, and a few kilobytes may so stand for millions of pages. Each node is
//! therefore summed once and its sum used wherever it is named. A node that is being summed
//! and comes up below itself adds nothing there, so a circle ends.

use std::collections::HashMap;

use super::found::{Node, Objects};

/// The most leaves below any node.
///
/// What a node names twice counts twice, so that a tree that repeats a branch is as large as a reader finds it; a node
/// that stands below itself adds nothing there. Each link is followed twice, however the nodes name one another.
pub(super) fn pages(objects: &Objects) -> u64 {
    // A list of kids may be an object of its own, and a branch may say nothing of itself: no tree begins there.
    let mut nodes: Vec<&Node> = objects.nodes.iter().chain(&objects.lists).collect();
    nodes.sort_by_key(|node| node.number);
    let mut tree = Tree { objects, groups: HashMap::new() };
    for group in nodes.chunk_by(|one, other| one.number == other.number) {
        let Some(first) = group.first() else { continue };
        tree.groups.insert(first.number, (group, PageSum::Unknown));
    }
    let roots =
        objects.roots.iter().copied().filter(|root| tree.groups.contains_key(root)).collect::<Vec<_>>();
    let numbers = objects.nodes.iter().map(|node| node.number).chain(roots);
    numbers.map(|number| tree.sum(number)).max().unwrap_or(0)
}

/// The nodes of a file, while their leaves are added up.
struct Tree<'a> {
    objects: &'a Objects,
    /// The nodes of each number: if several have one, the largest counts.
    groups: HashMap<u32, (&'a [&'a Node], PageSum)>,
}

/// How far a node's leaves are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageSum {
    Unknown,
    /// Being added up.
    Open,
    Known(u64),
}

impl Tree<'_> {
    /// The leaves below a node, and below all nodes on the way.
    fn sum(&mut self, root: u32) -> u64 {
        // A stack of its own: a tree may be as deep as the file is long.
        let mut open = vec![root];
        while let Some(number) = open.last().copied() {
            let Some((nodes, sum)) = self.groups.get(&number).copied() else { break };
            if sum == PageSum::Unknown {
                self.set(number, PageSum::Open);
                let kids = nodes.iter().flat_map(|node| self.objects.linked(node.kids));
                open.extend(kids.filter(|kid| matches!(self.groups.get(kid), Some((_, PageSum::Unknown)))));
                continue;
            }
            open.pop();
            if sum == PageSum::Open {
                let leaves = nodes.iter().map(|node| self.leaves(node)).max().unwrap_or(0);
                self.set(number, PageSum::Known(leaves));
            }
        }
        self.known(root)
    }

    /// The leaves that a node names, once those of its kids are known.
    fn leaves(&self, node: &Node) -> u64 {
        self.objects.linked(node.kids).map(|kid| self.known(kid)).fold(node.inline, u64::saturating_add)
    }

    /// The leaves of a kid: what is no node is a page.
    fn known(&self, number: u32) -> u64 {
        match self.groups.get(&number) {
            Some((_, PageSum::Known(leaves))) => *leaves,
            Some(_) => 0,
            None => 1,
        }
    }

    fn set(&mut self, number: u32, sum: PageSum) {
        if let Some((_, slot)) = self.groups.get_mut(&number) {
            *slot = sum;
        }
    }
}
