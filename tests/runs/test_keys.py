"""Keys are made and taken back by commands, and the audit says so."""

from __future__ import annotations

import uuid
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command

from reviews.models import AuditEntry
from tests.console import Console


def test_a_key_works_until_it_is_revoked(console: Console) -> None:
    said = StringIO()
    name = uuid.uuid4().hex[:8]
    call_command("create_api_key", name, "--scope=runs", stdout=said)
    text = said.getvalue().strip()
    prefix = text.split("_")[1]

    def status() -> int:
        headers = {"x-api-key": text}
        return httpx.get(
            f"{console.url}/threads/{uuid.uuid4()}", headers=headers, trust_env=False
        ).status_code

    assert status() == 404
    call_command("revoke_api_key", prefix, stdout=said)
    call_command("revoke_api_key", prefix, stdout=said)  # twice is once
    assert status() == 401

    entries = AuditEntry.objects.filter(object=f"key:{prefix}").order_by("seq")
    assert [(entry.action, entry.via) for entry in entries] == [
        ("key.created", "command"),
        ("key.revoked", "command"),
    ]
    assert entries[0].details == {"name": name, "user": f"key:{name}", "scopes": ["runs"]}
    assert text not in str(entries.values())


def test_a_key_nobody_made_cannot_be_revoked() -> None:
    with pytest.raises(CommandError, match="There is no key that begins with hitl_nothing"):
        call_command("revoke_api_key", "nothing")
