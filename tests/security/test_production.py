"""A console in production starts on sound settings only, and says in a sentence what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.checks import run_checks

from reviews import demo
from tests.console import ROOT, free_port

SOUND = {
    "HITL_PRODUCTION": "1",
    "HOST": "0.0.0.0",
    "SECRET_KEY": "fifty characters and more of which nobody knows one, 8f2e01",
    "ALLOWED_HOSTS": "console.example",
    "CSRF_TRUSTED_ORIGINS": "https://console.example",
}
DAPHNE = [sys.executable, "-m", "daphne", "-p", "0", "hitl_console.asgi:application"]


def started(argv: list[str], url: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """A process started with sound settings for production, but for these changes."""
    env = {**os.environ, **SOUND, "DATABASE_URL": url} | changes
    env = {name: value for name, value in env.items() if value is not None}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)


def manage(*arguments: str) -> list[str]:
    return [sys.executable, "manage.py", *arguments]


def test_the_production_settings_pass_every_check_of_a_deployment(test_url: str) -> None:
    argv = manage("check", "--deploy", "--fail-level", "WARNING")
    checked = started(argv, test_url)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "no issues (0 silenced)" in checked.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "console.example,*"}, "ALLOWED_HOSTS"),
        ({"HITL_PRODUCTION": "0"}, "HITL_PRODUCTION=0"),
        ({"HITL_API_AUTH": "none"}, "HITL_API_AUTH=none"),
        ({"HITL_PRODUCTION": "perhaps"}, "HITL_PRODUCTION"),
    ],
)
@pytest.mark.parametrize("argv", [manage("up"), manage("worker"), DAPHNE], ids=lambda a: a[-1])
def test_nothing_starts_on_settings_that_open_a_door(
    test_url: str, argv: list[str], changes: dict[str, str | None], said: str
) -> None:
    ended = started(argv, test_url, **changes)
    assert ended.returncode != 0
    last = ended.stderr.strip().splitlines()[-1]
    assert said in last
    if argv is not DAPHNE:
        assert ended.stderr.count("\n") == 1, ended.stderr


def test_nothing_starts_while_the_demo_can_sign_in(test_url: str) -> None:
    ada, _ = User.objects.get_or_create(username="ada")
    ada.set_password(demo.PASSWORD)
    ada.save()
    try:
        for argv in (manage("up"), DAPHNE):
            ended = started(argv, test_url, PORT=str(free_port()))
            assert ended.returncode != 0
            assert "have the demo's password: ada;" in ended.stderr.splitlines()[-1]
    finally:
        ada.delete()


def test_the_demo_is_at_home_on_a_laptop(settings, tmp_path: Path) -> None:
    settings.HITL_DATA = tmp_path
    demo.seed()
    assert demo.people_with_its_password() == ["ada", "omar", "rosa"]
    assert run_checks(tags=["database"], databases=["default"]) == []
    settings.PRODUCTION = True
    assert [error.id for error in run_checks(tags=["database"], databases=["default"])] == [
        "reviews.E001"
    ]
    User.objects.filter(username__in=["ada", "omar", "rosa"]).delete()
