"""What the pages' templates need: agent text made safe, time in words, icons, people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import nh3
from django import template
from django.contrib.auth.models import User
from django.template.context import Context
from django.templatetags.static import static
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from reviews.form_parts import control_id
from reviews.payloads import Edit, Field, excerpt, json_text, one_line, visible
from reviews.payloads.fields import ISO_DATE
from reviews.payloads.wording import spoken
from reviews.sending import sending_of

if TYPE_CHECKING:
    from reviews.form_parts import Card
    from reviews.models import Decision, ReviewTask

register = template.Library()
register.filter("one_line", one_line)
register.filter("excerpt", excerpt)
register.filter("visible", visible)
register.filter("spoken", spoken)
register.filter("json_text", json_text)

MARKDOWN_LIMIT = 20_000
MARKDOWN_TAGS = {"p", "br", "hr", "strong", "em", "s", "code", "pre", "blockquote", "a"}
MARKDOWN_TAGS |= {"ul", "ol", "li", "h3", "h4", "h5", "h6"}
MARKDOWN_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
LINK_SCHEMES = {"http", "https", "mailto"}
THEMES = ("light", "dark")


def _show_hosts(state: StateCore) -> None:
    """Say where a link leads when its words do not."""
    for block in state.tokens:
        shown: list[Token] = []
        href, words = "", ""
        for token in block.children or []:
            shown.append(token)
            if token.type == "link_open":
                href, words = str(token.attrGet("href") or ""), ""
            elif token.type == "link_close":
                host = host_of(href)
                if host and host not in words:
                    shown.append(Token("text", "", 0, content=f" ({host})"))
                href = ""
            elif href:
                words += token.content
        block.children = shown if block.children else block.children


def host_of(href: str) -> str:
    """The host of an address, in punycode where letters could deceive."""
    try:
        return (urlsplit(href).hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        return "?"


_markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "maxNesting": 20})
_markdown.enable(["table", "strikethrough", "linkify"]).disable("image")
_markdown.core.ruler.push("show_hosts", _show_hosts)


@register.simple_tag
def icon(name: str, css: str = "i") -> SafeString:
    """A drawing from the sprite; it says nothing to a screen reader."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>',
        css,
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def theme(context: Context) -> str:
    """The colour scheme this browser chose, or nothing when the system decides."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


@register.filter
def agent_markdown(text: str) -> SafeString:
    """An agent's markdown as harmless HTML; the only door through which HTML of theirs passes."""
    shown = visible(excerpt(text))
    if len(shown) > MARKDOWN_LIMIT:
        return format_html("<pre>{}</pre>", shown)
    return _rendered(shown)


@lru_cache(maxsize=256)
def _rendered(text: str) -> SafeString:
    html = _markdown.render(text)
    for level in (1, 2):  # a heading of theirs never stands above ours
        html = html.replace(f"<h{level}>", "<h3>").replace(f"</h{level}>", "</h3>")
    clean = nh3.clean(
        html,
        tags=MARKDOWN_TAGS,
        attributes={"a": {"href"}},
        attribute_filter=_keep_attribute,
        url_schemes=LINK_SCHEMES,
        link_rel="noopener noreferrer nofollow ugc",
    )
    return mark_safe(clean)  # noqa: S308  nh3 has the last word on every tag and attribute


def _keep_attribute(_tag: str, name: str, value: str) -> str | None:
    if name != "href":
        return value  # the `rel` that nh3 adds itself
    parts = urlsplit(value)
    is_absolute = parts.scheme == "mailto" or bool(parts.scheme in LINK_SCHEMES and parts.netloc)
    return value if is_absolute else None


# -- people -----------------------------------------------------------------------------------


@register.filter
def person(user: User | None) -> str:
    """What a person is called on the pages."""
    return (user.get_full_name() or user.get_username()) if user else _("Somebody")


@register.simple_tag
def avatar(user: User, css: str = "") -> SafeString:
    """A person's initials on a colour of their own."""
    words = person(user).split()
    initials = "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
    shade = "abcd"[hashlib.sha256(str(user.pk).encode()).digest()[0] % 4]
    return format_html('<span class="av {} {}" aria-hidden="true">{}</span>', shade, css, initials)


# -- time ---------------------------------------------------------------------------------------


def span(length: timedelta) -> str:
    """A length of time as the list shows it: 40s, 18m, 3h, 5d."""
    seconds = max(0, int(length.total_seconds()))
    for size, letter in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


@register.filter
def ago(moment: datetime) -> str:
    """How long ago something was, in words for a sentence."""
    minutes = int((now() - moment).total_seconds() // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", minutes) % {"n": minutes}
    if minutes < 24 * 60:
        hours = minutes // 60
        return ngettext("%(n)s hour ago", "%(n)s hours ago", hours) % {"n": hours}
    return date_format(localtime(moment), "j M Y, H:i")


@register.simple_tag
def moment(at: datetime, style: str = "H:i") -> SafeString:
    """A point in time, with the exact one for machines and on hover."""
    here = localtime(at)
    return format_html(
        '<time class="num" datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        date_format(here, "j M Y, H:i:s e"),
        date_format(here, style if here.date() == localtime().date() else "j M, H:i"),
    )


@register.simple_tag
def waiting(task: ReviewTask) -> SafeString:
    """How long a task has waited, in as few signs as a list can bear."""
    words = span(now() - task.created_at)
    told = _("Waiting for")
    return format_html('<span class="num"><span class="sr">{} </span>{}</span>', told, words)


# -- tasks and decisions in words -----------------------------------------------------------------

SHAPE_ICONS = {
    "e": "pause",
    "b": "shield-check",
    "b2": "shield-check",
    "c": "shield-check",
    "f": "list",
    "d": "circle-help",
    "a1": "pencil",
    "a2": "circle-help",
    "a3": "pencil",
    "g": "braces",
}
OUTCOME_ICONS = {
    "decided": ("circle-check", "ok"),
    "failed": ("circle-x", "bad"),
    "superseded": ("history", ""),
    "cancelled": ("ban", ""),
}
SHORT = {"integer", "number", "date", "datetime", "email", "select", "text"}
SHORT_TEXT = 32
INPUT_TYPES = {"date": "date", "email": "email", "url": "url"}
LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?)?")


@register.filter
def agent_name(task: ReviewTask) -> str:
    """Who asks: the assistant, or the graph if that is gone."""
    name = task.assistant.name if task.assistant else ""
    return one_line(name if name and name != "Untitled" else task.graph_id, 80)


@register.filter
def shape_icon(task: ReviewTask) -> str:
    return SHAPE_ICONS[task.shape]


@register.filter
def outcome_icon(task: ReviewTask) -> str:
    return OUTCOME_ICONS.get(task.status, ("circle-dot", ""))[0]


@register.filter
def outcome_css(task: ReviewTask) -> str:
    return OUTCOME_ICONS.get(task.status, ("", ""))[1]


@register.filter
def outcome_class(task: ReviewTask) -> str:
    """The classes of an outcome's icon in a row."""
    return f"i {outcome_css(task)}"


@register.filter
def outcome_word(task: ReviewTask) -> str:
    """What became of a task that is no longer open."""
    words = {
        "decided": _("Decided"),
        "failed": _("Run failed"),
        "superseded": _("Replaced"),
        "cancelled": _("Cancelled"),
    }
    return words.get(task.status, _("Open"))


@register.filter
def verdict_word(decision: Decision) -> str:
    """What somebody did, in the past tense."""
    words = {
        "approve": _("approved"),
        "edit": _("edited"),
        "respond": _("answered"),
        "reject": _("rejected"),
        "continue": _("continued"),
        "skip": _("skipped the node"),
        "stop": _("stopped the run"),
        "retry": _("retried with this answer"),
        "ask_again": _("asked again"),
    }
    return words[decision.kind]


@register.filter
def delivery_words(decision: Decision) -> str:
    """How far an answer has come on its way to the graph."""
    if decision.kind == "ask_again" and decision.delivery.state == "consumed":
        return _("the question was asked again")
    words = {
        "recorded": _("waits for the other answers of this pause"),
        "undone": _("taken back before it was sent"),
        "delivered": _("on its way to the graph"),
        "consumed": _("the graph has it"),
        "refused": _("the graph did not accept it"),
        "failed": _("the graph took it, then failed"),
        "repaired": _("the graph took it, then failed; repaired since"),
    }
    if sending_of(decision.delivery):
        return _("held for a moment, and can be undone")
    return words[decision.delivery.state]


@register.filter
def is_troubled(decision: Decision) -> bool:
    return decision.delivery.state in ("refused", "failed")


@register.filter
def short_id(value: object) -> str:
    """The end of an id, which is the part that differs between neighbours."""
    return str(value)[-6:]


# -- forms ------------------------------------------------------------------------------------

register.filter("control_id", control_id)


@register.filter
def is_short(field: Field) -> bool:
    """Whether two such fields fit side by side."""
    return str(field.control) in SHORT and len(field.text) <= SHORT_TEXT


@register.filter
def input_type(field: Field) -> str:
    """The type of an input, unless the browser would lose what is in it."""
    if field.control == "datetime":
        return "datetime-local" if LOCAL_TIME.fullmatch(field.text) else "text"
    if field.control == "date" and field.text and not ISO_DATE.fullmatch(field.text):
        return "text"
    return INPUT_TYPES.get(str(field.control), "text")


@register.filter
def plain(value: Any) -> str:
    """A JSON value to be read: text as it is, everything else as JSON."""
    return visible(excerpt(value)) if isinstance(value, str) else excerpt(json_text(value))


@register.filter
def is_text_edit(edit: Edit) -> bool:
    """Whether a change is of words in a text, and small enough to be told word by word."""
    texts = (edit.before, edit.after)
    return all(isinstance(text, str) and 0 < len(text) < MARKDOWN_LIMIT for text in texts)


@register.filter
def word_changes(edit: Edit) -> Iterator[tuple[str, str]]:
    """A changed text in pieces: the same, del(eted), ins(erted)."""
    before, after = (re.split(r"(\s+)", text) for text in (edit.before, edit.after))
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, start, end, from_, to in matcher.get_opcodes():
        if tag == "equal":
            yield "same", "".join(before[start:end])
            continue
        if end > start:
            yield "del", "".join(before[start:end])
        if to > from_:
            yield "ins", "".join(after[from_:to])


@register.filter
def is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


@register.filter
def message_text(message: dict[str, Any]) -> str:
    """What a chat message says; its tool calls if it says nothing."""
    content = message.get("content")
    if isinstance(content, list):
        parts = (part.get("text") if isinstance(part, dict) else part for part in content)
        content = "\n".join(part for part in parts if isinstance(part, str))
    if content and isinstance(content, str):
        return visible(excerpt(content))
    return excerpt(json_text(message.get("tool_calls") or message.get("content")))


@register.filter
def speaker(message: dict[str, Any]) -> str:
    """Who says a chat message."""
    role = message.get("type") or message.get("role")
    known = {"human": _("Person"), "user": _("Person"), "ai": _("Agent"), "assistant": _("Agent")}
    return known.get(str(role), "") or one_line(str(message.get("name") or role or "?"), 60)


@register.filter
def speaker_icon(message: dict[str, Any]) -> str:
    role = str(message.get("type") or message.get("role"))
    return {"human": "user", "user": "user", "tool": "wrench"}.get(role, "bot")


@register.filter
def tally(cards: list[Card]) -> str:
    """How many actions have a decision."""
    done = sum(1 for card in cards if card.kind)
    return _("%(done)s of %(all)s decided") % {"done": done, "all": len(cards)}
