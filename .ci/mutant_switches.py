"""How do all mutants of one file stand in it at once, each asleep behind a switch?"""

import re

import tree_sitter_rust
from tree_sitter import Language, Parser

MODULE = """//! Which mutant is awake?
use std::sync::LazyLock;
static AWAKE: LazyLock<u32> = LazyLock::new(|| std::env::var("MUTANT").map_or(0, |n| n.parse().unwrap()));
pub(crate) fn on(number: u32) -> bool { *AWAKE == number }
"""


def with_switches(source, mutants):
    """The source with a switch for each mutant, and the numbers of those that found a place in it."""
    switches = Switches(mutants)
    tree = Parser(Language(tree_sitter_rust.language())).parse(source)
    return switches.text(tree.root_node).encode(), switches.placed


def owner(text):
    """The mutant in whose mark that text ends."""
    closed = set(re.findall(r"/\*(\d+)>\*/", text))
    inside = [int(number) for number in re.findall(r"/\*<(\d+)\*/", text) if number not in closed]
    return inside[-1] if inside else None


class Switches:
    """Rewrites one file so that every mutant in it is there, asleep."""

    def __init__(self, mutants):
        self.at, self.openings, self.iterators, self.placed = {}, {}, {}, set()
        for number, mutant in mutants.items():
            self.at.setdefault((mutant["genre"], mutant["from"]), []).append((number, mutant["replacement"]))

    def take(self, genre, node, only=None):
        found = self.at.get((genre, node.start_byte), [])
        found = [one for one in found if only in (None, one[1])]
        self.placed.update(number for number, _ in found)
        return found

    def text(self, node, skip=()):
        """The node's text with switches in it, without the children to skip."""
        if not node.children:
            return node.text.decode()
        whole, at = node.text, 0
        out = []
        for child in node.children:
            start = child.start_byte - node.start_byte
            out.append(whole[at:start].decode())
            at = child.end_byte - node.start_byte
            if child not in skip:
                out.append(self.rewritten(child))
        return "".join(out) + whole[at:].decode()

    def rewritten(self, node):
        rewrite = getattr(self, node.type, None)
        return rewrite(node) if rewrite else self.text(node)

    def binary_expression(self, node):
        left, operator, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
        found = self.take("BinaryOperator", operator)
        if not found:
            return self.text(node)
        left, right, sign = self.rewritten(left), self.rewritten(right), operator.type
        if sign in ("&&", "||"):
            # Swapped, the right side is asked in the other case; it stands here once.
            compare = "!=" if sign == "&&" else "=="
            return f"(match ({left}) {{ l => if l {compare} {on(found[0][0])} {{ {right} }} else {{ l }} }})"
        look, borrow = ("*", "&") if sign in ("==", "!=", "<", "<=", ">", ">=") else ("", "")
        one = lambda other: f"{look}l {other} {look}r"
        return f"(match ({borrow}({left}), {borrow}({right})) {{ (l, r) => {choice(found, one, one(sign))} }})"

    def compound_assignment_expr(self, node):
        operator = node.child_by_field_name("operator")
        left, right = (self.rewritten(node.child_by_field_name(name)) for name in ("left", "right"))
        one = lambda other: f"{left} {other} {right}"
        return choice(self.take("BinaryOperator", operator), one, one(operator.type))

    def unary_expression(self, node):
        found = self.take("UnaryOperator", node)
        if not found:
            return self.text(node)
        operand = self.rewritten(node.children[1])
        return f"(match ({operand}) {{ x => {choice(found, lambda _: 'x', node.children[0].type + 'x')} }})"

    def match_arm(self, node):
        pattern = node.child_by_field_name("pattern")
        condition = pattern.child_by_field_name("condition")
        # An arm behind a guard is no arm to the compiler: only where the last one takes all.
        last = [arm for arm in node.parent.named_children if arm.type == "match_arm"][-1]
        takes_all = last.child_by_field_name("pattern").text == b"_"
        guards = [f"!{on(number)}" for number, _ in (self.take("MatchArm", node) if takes_all else [])]
        if condition:
            guard = f"({self.rewritten(condition)})"
            for number, value in self.take("MatchArmGuard", condition):
                guard = f"({on(number)} || {guard})" if value == "true" else f"(!{on(number)} && {guard})"
            guards.append(guard)
        shape = self.rewritten(pattern.children[0])
        rest = "".join(self.rewritten(child) + " " for child in node.children if child != pattern)
        return shape + (" if " + " && ".join(guards) if guards else "") + " " + rest

    def struct_expression(self, node):
        body = node.child_by_field_name("body")
        without = {}
        for field, comma in zip(body.children, body.children[1:]):
            for number, _ in self.take("StructField", field):
                without[number] = self.rewritten(node.children[0]) + self.text(body, skip=(field, comma))
        return choice([(number, None) for number in without], without.get, self.text(node), by_number=True)

    def function_item(self, node):
        body = node.child_by_field_name("body")
        first = next((child for child in body.named_children if "comment" not in child.type), None) if body else None
        # Two values of an `impl` would be two types. Of an iterator, none of it is its own type.
        returned = node.child_by_field_name("return_type")
        if first and returned and b"impl Iterator" in returned.text:
            self.iterators[body.start_byte] = self.take("FnValue", first, only="::std::iter::empty()")
        elif first:
            self.openings[body.start_byte] = self.take("FnValue", first)
        return self.text(node)

    def block(self, node):
        returns = self.openings.get(node.start_byte, [])
        returns = "".join(f" if {on(number)} {{ return {marked(number, value)}; }}" for number, value in returns)
        text = "{" + returns + self.text(node)[1:]
        for number, _ in self.iterators.get(node.start_byte, []):
            text = f"{{ ({text}).take(if {on(number)} {{ 0 }} else {{ usize::MAX }}) }}"
        return text


def on(number):
    return f"crate::mutant::on({number})"


def marked(number, text):
    """Marks are how an error of the compiler is told whose it is."""
    return f"/*<{number}*/{text}/*{number}>*/"


def choice(found, one, unchanged, by_number=False):
    if not found:
        return unchanged
    made = [(number, one(number if by_number else other)) for number, other in found]
    return "(" + "".join(f"if {on(n)} {{ {marked(n, text)} }} else " for n, text in made) + f"{{ {unchanged} }})"
