"""What a graph asked, read; what its resume wants, written. Pure: no database, no graph, no web.

Everything in an `Asked` may have been written by a model, so nothing here trusts it: reading never
raises, whatever the JSON, and an answer that cannot be sent raises `AnswerRefused` only.

Reading
    Asked(value, response_schema, is_breakpoint, node, position, state)
    Shape, shape_of(asked)            which of the ten payload shapes it is
    title_of(asked), summary_of(asked)      the two lines of a list
    titled(asked, template)             a title in a policy's words
    fact_of(asked)                  what a decision of high risk has to confirm
    text_of(asked) -> Text | None           a1: key, text, context
    question_of(asked) -> Question | None   a2, d, f: text, options, context
    fields_of(asked) -> tuple[Field, ...]   a3, f: what a template renders
    actions_of(asked) -> list[Action]       b, b2, c: one card each, with its fields
    channels_of(asked) -> tuple[Channel, ...]   e: the state, with its fields
    refill(fields, data, errors)      the same fields as somebody left them, with what was wrong
    Control, Field, Option, Blank     the words of a form
Deciding
    Kind, allowed_verdicts(asked)
    form_of_answer(asked, value)        what a form posted for that answer
    posted_update(asked, data)          what a form changes in a state
    verdict_from_form(asked, data)      {"kind", "value"} or {"actions": [{kind, args, message}]}
    answer_value(asked, verdict) -> Any     the value to resume with; e: the state update
    read_answer(asked, value) -> Kind       what a raw resume value amounts to, validated
    edits(asked, value) -> list[Edit]       where it changes what the graph proposed
    AnswerRefused.errors: [FieldError(pointer, message)], AnswerRefused.under(prefix)
Showing
    one_line(text, limit), visible(text), json_text(value)

Pointers of errors lead into the verdict ("/value/amount", "/actions/0/args/to", "/kind"), those of
`read_answer` into the raw value. Control names: `kind`, `text`, `option` (an option's key; "yes" or
"no" without options), `json`, `field:<pointer>`, `action-<i>-kind`, `action-<i>-message`,
`action-<i>-field:<pointer>`; of a state also `append:<pointer>` and `how:<pointer>`. In a form,
`Field.name` is the one to use: inside TABS it is not the pointer, and `-` in the names of
`Field.item` stands for the number of a new row.
"""

from __future__ import annotations

from reviews.payloads.actions import Action, Kind, actions_of
from reviews.payloads.answers import Edit, allowed_verdicts, answer_value, edits, read_answer
from reviews.payloads.asking import Question, Text, question_of, text_of
from reviews.payloads.bounds import AnswerRefused, FieldError
from reviews.payloads.fields import Blank, Control, Field, Option
from reviews.payloads.forms import fields_of, refill
from reviews.payloads.recalled import form_of_answer
from reviews.payloads.shapes import AnswersAs, Asked, Shape, shape_of
from reviews.payloads.state import Channel, channels_of, posted_update
from reviews.payloads.titles import fact_of, summary_of, title_of, titled
from reviews.payloads.verdicts import verdict_from_form
from reviews.payloads.wording import excerpt, json_text, one_line, visible

__all__ = [
    "Action",
    "AnswerRefused",
    "AnswersAs",
    "Asked",
    "Blank",
    "Channel",
    "Control",
    "Edit",
    "Field",
    "FieldError",
    "Kind",
    "Option",
    "Question",
    "Shape",
    "Text",
    "actions_of",
    "allowed_verdicts",
    "answer_value",
    "channels_of",
    "edits",
    "excerpt",
    "fact_of",
    "fields_of",
    "form_of_answer",
    "json_text",
    "one_line",
    "posted_update",
    "question_of",
    "read_answer",
    "refill",
    "shape_of",
    "summary_of",
    "text_of",
    "title_of",
    "titled",
    "verdict_from_form",
    "visible",
]
