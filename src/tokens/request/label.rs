//! What no model reads, unless it is too long for that.

use super::draft::PromptDraft;
use super::stored::LABEL_BYTES;
use crate::tokens::document::Node;
use crate::values::Part;

/// A field that no model reads, unless it is too long for that.
pub(super) fn label(draft: &mut PromptDraft, field: Node<'_>) {
    if field.raw().len() > LABEL_BYTES {
        draft.json(field.member_json());
    }
}

/// A name or an id that says which call was answered: longer than any API takes, it is none.
pub(super) fn named(draft: &mut PromptDraft, field: Node<'_>) {
    const NAME_BYTES: usize = 66;
    if field.raw().len() > NAME_BYTES {
        draft.json(field.member_json());
    }
}

/// The same beside the conversation.
pub(super) fn label_aside(draft: &mut PromptDraft, field: Node<'_>) {
    if field.raw().len() > LABEL_BYTES {
        draft.aside(Part::Text(field.member_json().into()));
    }
}
