"""What the environment may say, and what stops the start."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from hitl_console.settings import env_origins

NAME = "HITL_CORS_ORIGINS"


def test_origins_are_taken_as_browsers_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert env_origins(NAME) == []
    monkeypatch.setenv(NAME, "https://chat.example.org, http://127.0.0.1:3000,")
    assert env_origins(NAME) == ["https://chat.example.org", "http://127.0.0.1:3000"]


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "chat.example.org",
        "https://",
        "https://*.example.org",
        "https://chat.example.org/",
        "https://chat.example.org/page",
        "https://Chat.example.org",
        "ftp://chat.example.org",
        "https://good.example.org,javascript:alert(1)",
    ],
)
def test_what_is_no_origin_stops_the_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured, match="HITL_CORS_ORIGINS must name origins"):
        env_origins(NAME)
