"""Members, queues and keys, by the pages of administrators."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

import httpx
import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.utils.timezone import now

from reviews import services
from reviews.exceptions import LastAdmin
from reviews.models import AuditEntry, Login
from reviews.people import READS_AUDIT, people
from reviews.services.members import Standing
from runs.models import ApiKey, Scope
from tests.conftest import issue_key, make_user
from tests.console import Console
from tests.reviews.pages import browser_of, words

NEW_PASSWORD = "a long walk to the harbour"


@pytest.fixture
def sam() -> User:
    """Administers, and is no superuser."""
    return make_user("sam", is_staff=True)


def said_of(member: User, **changed: object) -> dict[str, object]:
    """The form of a member as it stands, with what is changed in it."""
    standing = Standing.of(member)
    form = {
        "first_name": standing.first_name,
        "last_name": standing.last_name,
        "email": standing.email,
        "role": "admin" if standing.is_admin else "reviewer",
        "rights": list(standing.rights),
        "queues": [group.pk for group in member.groups.all()],
        "is_active": "on",
    }
    return {name: value for name, value in (form | changed).items() if value is not None}


def entries_of(object_: str) -> list[str]:
    return list(
        AuditEntry.objects.filter(object=object_).order_by("seq").values_list("action", flat=True)
    )


# -- members -----------------------------------------------------------------------------------


def test_somebody_invited_chooses_a_password_by_a_link_that_works_once(
    ada: User, queue: Group
) -> None:
    name = f"ines-{uuid.uuid4().hex[:8]}"
    form = {"username": name, "first_name": "Ines", "role": "reviewer", "queues": [queue.pk]}
    answer = browser_of(ada).post("/settings/members/invite/", form)

    (link,) = re.findall(r'value="http://testserver(/password/[^"]+)"', words(answer))
    ines = User.objects.get(username=name)
    assert not ines.has_usable_password()
    assert list(ines.groups.all()) == [queue]
    assert entries_of(f"user:{ines.pk}") == ["member.invited", "member.link_made"]
    assert link.split("/")[-2] not in json.dumps(
        list(AuditEntry.objects.filter(object=f"user:{ines.pk}").values("details"))
    )

    visitor = Client()
    there = visitor.get(link, follow=True)
    assert name in words(there)
    posted = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    assert (
        "/login/"
        in visitor.post(there.request["PATH_INFO"], posted, follow=True).redirect_chain[0][0]
    )
    assert "no longer works" in words(Client().get(link, follow=True))
    assert visitor.post("/login/", {"username": name, "password": NEW_PASSWORD}).status_code == 302
    assert entries_of(f"user:{ines.pk}")[2:] == ["member.password_set", "login.opened"]


@pytest.mark.parametrize("name", ["key:mine", "a b", "x" * 151, ""])
def test_a_name_nobody_can_have_is_refused(ada: User, name: str) -> None:
    answer = browser_of(ada).post(
        "/settings/members/invite/", {"username": name, "role": "reviewer"}
    )
    assert answer.status_code == 422
    assert not User.objects.filter(username=name or "-").exists()


def test_a_name_that_is_taken_is_refused_whatever_its_case(ada: User, rosa: User) -> None:
    form = {"username": rosa.username.upper(), "role": "reviewer"}
    answer = browser_of(ada).post("/settings/members/invite/", form)
    assert answer.status_code == 422
    assert "This name is taken." in words(answer)


def test_a_change_is_kept_and_says_what_was_before(ada: User, rosa: User, queue: Group) -> None:
    form = said_of(rosa, last_name="Lind", queues=[queue.pk], rights=[READS_AUDIT])
    assert browser_of(ada).post(f"/settings/members/{rosa.pk}/", form).status_code == 302

    rosa = User.objects.get(pk=rosa.pk)
    assert rosa.last_name == "Lind"
    assert rosa.has_perm(READS_AUDIT)
    entry = AuditEntry.objects.get(object=f"user:{rosa.pk}", action="member.changed")
    assert entry.actor == ada
    assert entry.details["changes"] == {
        "last_name": ["", "Lind"],
        "rights": [[], [READS_AUDIT]],
        "queues": [["Reviewers", queue.name], [queue.name]],
    }


def test_saving_what_is_so_already_is_no_change(ada: User, rosa: User) -> None:
    browser_of(ada).post(f"/settings/members/{rosa.pk}/", said_of(rosa))
    assert entries_of(f"user:{rosa.pk}") == []


def test_somebody_kept_out_is_signed_out_at_once(ada: User, rosa: User) -> None:
    theirs = browser_of(rosa)
    key = issue_key("rosa's", [Scope.TASKS_READ], rosa)
    assert theirs.get("/inbox/").status_code == 200

    browser_of(ada).post(f"/settings/members/{rosa.pk}/", said_of(rosa, is_active=None))

    assert theirs.get("/inbox/").status_code == 302
    assert not Login.objects.filter(user=rosa).exists()
    assert not Session.objects.filter(pk=theirs.cookies["sessionid"].value).exists()
    assert ApiKey.objects.find(key) is None
    assert entries_of(f"user:{rosa.pk}")[-2:] == ["member.changed", "login.ended"]


def test_who_administers_no_longer_loses_the_keys_that_could(ada: User, sam: User) -> None:
    wide, narrow = issue_key("wide", [Scope.ADMIN], sam), issue_key("n", [Scope.TASKS_READ], sam)
    browser_of(ada).post(f"/settings/members/{sam.pk}/", said_of(sam, role="reviewer"))
    assert ApiKey.objects.find(wide) is None
    assert ApiKey.objects.find(narrow) is not None


@pytest.fixture
def only_sam(sam: User) -> Iterator[User]:
    """Nobody else administers, until the test is over."""
    with transaction.atomic():
        people().exclude(pk=sam.pk).filter(is_staff=True).update(is_active=False)
        yield sam
        transaction.set_rollback(True)


@pytest.mark.parametrize("change", [{"role": "reviewer"}, {"is_active": None}])
def test_the_last_administrator_stays(only_sam: User, change: dict[str, object]) -> None:
    form = said_of(only_sam, **change)
    answer = browser_of(only_sam).post(f"/settings/members/{only_sam.pk}/", form)
    assert answer.status_code == 422
    assert "make somebody else an administrator first" in words(answer)
    only_sam.refresh_from_db()
    assert only_sam.is_staff
    assert only_sam.is_active


def test_an_administrator_without_a_password_yet_does_not_count(only_sam: User) -> None:
    standing = Standing("", "", "", True, True, frozenset(), frozenset())
    services.invite_member(actor=only_sam, username="not-yet-here", standing=standing)
    with pytest.raises(LastAdmin), transaction.atomic():
        services.change_member(
            member=only_sam,
            actor=only_sam,
            standing=Standing("", "", "", False, True, frozenset(), frozenset()),
        )


def test_staff_do_not_become_superusers_by_way_of_one(sam: User, ada: User) -> None:
    client = browser_of(sam)
    assert client.post(f"/settings/members/{ada.pk}/link/").status_code == 409
    answer = client.post(f"/settings/members/{ada.pk}/", said_of(ada, email="sam@example.com"))
    assert answer.status_code == 422
    assert "Only a superuser may change a superuser." in words(answer)
    assert User.objects.get(pk=ada.pk).email == ""


def test_service_users_are_no_members(ada: User) -> None:
    issue_key("robot", [Scope.RUNS])
    robot = User.objects.filter(username__startswith="key:robot").latest("pk")
    client = browser_of(ada)
    assert client.get(f"/settings/members/{robot.pk}/").status_code == 404
    assert robot.username not in words(client.get("/settings/members/?q=robot"))


def test_members_are_found_and_paged(ada: User) -> None:
    mark = uuid.uuid4().hex[:8]
    for number in range(51):
        User.objects.create(username=f"{mark}-{number:03}")
    client = browser_of(ada)
    first = words(client.get(f"/settings/members/?q={mark}"))
    (following,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = words(client.get(following))
    assert re.findall(f"<small>{mark}-(\\d+)", first) == [f"{n:03}" for n in range(50)]
    assert re.findall(f"<small>{mark}-(\\d+)", second) == ["050"]


# -- queues --------------------------------------------------------------------------------------


def test_a_queue_is_made_renamed_and_staffed(ada: User, rosa: User, omar: User) -> None:
    name = f"refunds {uuid.uuid4().hex[:8]}"
    client = browser_of(ada)
    place = client.post("/settings/queues/", {"name": name}).headers["location"]
    queue = Group.objects.get(name=name)
    robot = User.objects.create(username=f"key:{name}")
    robot.groups.add(queue)
    rosa.groups.add(queue)

    client.post(place, {"name": f"{name}!", "members": [omar.pk]})

    queue.refresh_from_db()
    assert queue.name == f"{name}!"
    assert set(queue.user_set.all()) == {omar, robot}  # keys stay
    assert entries_of(f"queue:{queue.pk}") == ["queue.created", "queue.changed"]
    details = AuditEntry.objects.get(object=f"queue:{queue.pk}", action="queue.changed").details
    assert details["left"] == [rosa.username]
    assert details["came"] == [omar.username]


def test_a_queue_keeps_off_names_that_are_taken_and_the_default_its_own(
    ada: User, queue: Group
) -> None:
    client = browser_of(ada)
    assert client.post("/settings/queues/", {"name": queue.name}).status_code == 422
    default = Group.objects.get(name="Reviewers")
    answer = client.post(f"/settings/queues/{default.pk}/", {"name": "Others"})
    assert answer.status_code == 422
    assert "it keeps it" in words(answer)
    assert Group.objects.filter(name="Reviewers").exists()


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_works_and_is_revoked(
    ada: User, queue: Group, console: Console
) -> None:
    name = f"import {uuid.uuid4().hex[:8]}"
    client = browser_of(ada)
    form = {"name": name, "scopes": ["tasks:read"], "days": "30", "queues": [queue.pk]}
    (text,) = re.findall(r'value="(hitl_[^"]+)"', words(client.post("/settings/keys/", form)))
    assert text not in words(client.get("/settings/keys/"))
    key = ApiKey.objects.get(name=name)
    assert key.user.username == f"key:{name}"
    assert list(key.user.groups.all()) == [queue]
    assert key.expires_at is not None
    assert 29 <= (key.expires_at - now()).days <= 30
    entry = AuditEntry.objects.get(object=f"key:{key.prefix}", action="key.created")
    assert entry.actor == ada
    assert text not in json.dumps(entry.details)
    with httpx.Client(base_url=console.url, headers={"X-Api-Key": text}, trust_env=False) as api:
        assert api.get("/api/tasks/").status_code == 200
        client.post(f"/settings/keys/{key.pk}/revoke/")
        assert api.get("/api/tasks/").status_code == 401
    assert entries_of(f"key:{key.prefix}") == ["key.created", "key.revoked"]


@pytest.mark.parametrize(
    "form", [{"scopes": []}, {"scopes": ["root"]}, {"name": ""}, {"days": "9"}]
)
def test_a_key_nobody_should_have_is_not_made(ada: User, form: dict[str, object]) -> None:
    before = ApiKey.objects.count()
    given = {"name": "x", "scopes": ["runs"], "days": "30"} | form
    assert browser_of(ada).post("/settings/keys/", given).status_code == 422
    assert ApiKey.objects.count() == before


# -- Django's own admin ----------------------------------------------------------------------------


def test_what_is_changed_in_the_records_is_in_the_audit_too(ada: User, rosa: User) -> None:
    client = browser_of(ada)
    name = f"from the records {uuid.uuid4().hex[:8]}"
    assert client.post("/admin/auth/group/add/", {"name": name}).status_code == 302
    group = Group.objects.get(name=name)
    client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert entries_of(f"queue:{group.pk}") == ["record.added", "record.deleted"]
    posted = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"}
    client.post(f"/admin/auth/user/{rosa.pk}/password/", posted)
    assert User.objects.get(pk=rosa.pk).check_password(NEW_PASSWORD)
    (entry,) = AuditEntry.objects.filter(object=f"user:{rosa.pk}")
    assert (entry.action, entry.actor) == ("record.changed", ada)
    assert NEW_PASSWORD not in json.dumps(entry.details)


def test_people_are_kept_out_and_not_deleted(ada: User, rosa: User) -> None:
    answer = browser_of(ada).post(f"/admin/auth/user/{rosa.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 403
    assert User.objects.filter(pk=rosa.pk).exists()
