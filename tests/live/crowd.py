"""Many clients that decide the same tasks: each keeps what it sent and what it was told."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.console import Console, token
from tests.live.graphs import ASKED_AMOUNT

GRAPH = "two_gates"
PASSWORD = "correct horse battery staple"
HOT = 6  # open tasks that everybody goes for
TASKS = """
    SELECT task.id, task.thread_id::text AS thread_id, task.status, interrupt.key,
        (task.value #>> '{action_requests,0,args,gate}')::int AS gate
    FROM reviews_reviewtask task JOIN runs_interrupt interrupt ON interrupt.id = task.interrupt_id
    WHERE task.thread_id = ANY(%s::uuid[]) ORDER BY task.id
"""
HIRE = """
import json
from django.contrib.auth.models import Group, User
from reviews.models import ReviewPolicy
from runs import services
from runs.models import Scope
queue, _ = Group.objects.get_or_create(name="Gatekeepers")
ReviewPolicy.objects.get_or_create(graph_id="two_gates", queue=queue)
def hire(name, password=None):
    user = User.objects.create_user(name, password=password)
    user.groups.add(queue)
    return user
scopes = [Scope.RUNS, Scope.RESUME, Scope.TASKS_READ, Scope.TASKS_DECIDE]
keys = dict()
for name in {programs!r}:
    keys[name] = services.create_key(name=name, user=hire(name), scopes=scopes)[1]
for name in {people!r}:
    hire(name, {password!r})
print(json.dumps(keys))
"""


@dataclass(frozen=True)
class Attempt:
    """One decision that was sent, and the answer to it."""

    task: dict[str, Any]
    who: str
    how: str
    is_wrong: bool  # no gate takes it
    answer: httpx.Response

    @property
    def is_won(self) -> bool:
        return self.answer.status_code in (200, 302)


class Board:
    """The tasks of some threads as the tables have them, read again every moment."""

    def __init__(self, console: Console, threads: list[str]) -> None:
        self.console, self.threads = console, threads
        self.read()

    def read(self) -> None:
        self.tasks = self.console.rows(TASKS, self.threads)
        self.open = [task for task in self.tasks if task["status"] == "open"]

    @property
    def is_done(self) -> bool:
        decided = sum(task["status"] == "decided" for task in self.tasks)
        return bool(decided == 2 * len(self.threads))

    def pick(self, chance: random.Random) -> dict[str, Any]:
        """Mostly what is open and wanted by all; sometimes whatever was ever asked."""
        wanted = self.open[:HOT] if chance.random() < 0.75 else self.tasks
        return chance.choice(wanted or self.tasks)


class Crowd:
    """Programs with a key each and people with a session each, of one queue."""

    def __init__(self, console: Console, *, programs: int, people: int) -> None:
        mark = uuid.uuid4().hex[:6]
        names = [f"program{number}-{mark}" for number in range(programs)]
        persons = [f"person{number}-{mark}" for number in range(people)]
        script = HIRE.format(programs=names, people=persons, password=PASSWORD)
        hired = console.manage("shell", "--verbosity", "0", "-c", script)
        assert hired.returncode == 0, hired.stderr
        self.programs = {name: console.client() for name in names}
        for name, key in json.loads(hired.stdout).items():
            self.programs[name].headers["x-api-key"] = key
        self.people = {name: console.sign_in(name, PASSWORD) for name in persons}

    def close(self) -> None:
        for client in (*self.programs.values(), *self.people.values()):
            client.close()

    def clients(self, board: Board, seed: int) -> list[Client]:
        programs = [Program(name, http, board, seed) for name, http in self.programs.items()]
        people = [Person(name, http, board, seed) for name, http in self.people.items()]
        return [*programs, *people]


class Client:
    """Somebody who decides again and again, by a chance of their own."""

    ways: dict[str, int]  # the methods that send, and how often each is taken

    def __init__(self, name: str, http: httpx.Client, board: Board, seed: int) -> None:
        self.name, self.http, self.board = name, http, board
        self.chance = random.Random(f"{seed} {name.partition('-')[0]}")
        self.attempts: list[Attempt] = []

    def work(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            task = self.board.pick(self.chance)
            way = self.chance.choices(list(self.ways), list(self.ways.values()))[0]
            getattr(self, way)(task)

    def keep(
        self, task: dict[str, Any], how: str, answer: httpx.Response, *, is_wrong: bool = False
    ) -> httpx.Response:
        self.attempts.append(Attempt(task, self.name, how, is_wrong, answer))
        return answer

    def edited(self, task: dict[str, Any]) -> dict[str, Any]:
        """Arguments nobody else sends: what is paid tells whose answer it was."""
        return {"gate": task["gate"], "amount": self.chance.randrange(10**3, 10**15)}


class Program(Client):
    ways = {
        "resume_by_id": 4,
        "resume_with_a_value": 3,
        "resume_what_is_not_pending": 1,
        "decide": 5,
        "decide_twice_with_a_key": 2,
        "decide_wrongly": 1,
        "resume_wrongly": 1,
    }

    # A bare approval without an id fits whatever question is pending, and by design answers that.
    # An edit names its gate, so that one that comes late can be told from one that is meant.
    def resume_with_a_value(self, task: dict[str, Any]) -> None:
        self._resume(task, "a value", decided("edit", self.edited(task)))

    def resume_by_id(self, task: dict[str, Any]) -> None:
        kind = self.chance.choice(["approve", "edit", "reject"])
        answer = decided(kind, self.edited(task))
        self._resume(task, "by id", {task["key"]: answer})

    def resume_what_is_not_pending(self, task: dict[str, Any]) -> None:
        other = f"{self.chance.getrandbits(128):032x}"
        answers = {task["key"]: decided("approve", {}), other: decided("approve", {})}
        self._resume(task, "an unknown id", answers, is_wrong=True)

    def resume_wrongly(self, task: dict[str, Any]) -> None:
        wrong: Any = self.chance.choice(["yes", {"decisions": []}, decided("respond", {}), None])
        self._resume(task, "a wrong value", {task["key"]: wrong}, is_wrong=True)

    def decide(self, task: dict[str, Any]) -> None:
        self._decide(task, "task API", self._verdict(task))

    def decide_twice_with_a_key(self, task: dict[str, Any]) -> None:
        headers = {"Idempotency-Key": f"{self.name} {self.chance.getrandbits(64)}"}
        verdict = self._verdict(task)
        first = self._decide(task, "task API with a key", verdict, headers=headers)
        again = self._decide(task, "the same key again", verdict, headers=headers)
        assert again.status_code == first.status_code, (first.text, again.text)
        if first.status_code == 200:
            assert again.json()["id"] == first.json()["id"]
            other = {"actions": [{"kind": "edit", "args": self.edited(task)}]}
            self._decide(task, "the key, another body", other, headers=headers, is_wrong=True)

    def decide_wrongly(self, task: dict[str, Any]) -> None:
        args = {"gate": 3 - task["gate"], "amount": 1}
        wrong: list[dict[str, Any]] = [
            {"kind": "respond", "value": "yes"},
            {"actions": [{"kind": "approve"}] * 2},
            {"actions": [{"kind": "edit", "args": args}]},  # of the other gate
            {"actions": [{"kind": "edit", "args": {"amount": "much"}}]},
        ]
        self._decide(task, "task API, wrong shape", self.chance.choice(wrong), is_wrong=True)

    def _verdict(self, task: dict[str, Any]) -> dict[str, Any]:
        edit = {"kind": "edit", "args": self.edited(task)}
        return {"actions": [self.chance.choice([{"kind": "approve"}, edit, {"kind": "reject"}])]}

    def _decide(
        self, task: dict[str, Any], how: str, verdict: dict[str, Any], **options: Any
    ) -> httpx.Response:
        is_wrong = options.pop("is_wrong", False)
        answer = self.http.post(f"/api/tasks/{task['id']}/decide/", json=verdict, **options)
        return self.keep(task, how, answer, is_wrong=is_wrong)

    def _resume(
        self, task: dict[str, Any], how: str, resume: Any, *, is_wrong: bool = False
    ) -> None:
        body = {"assistant_id": GRAPH, "command": {"resume": resume}}
        answer = self.http.post(f"/threads/{task['thread_id']}/runs", json=body)
        self.keep(task, f"resume, {how}", answer, is_wrong=is_wrong)


class Person(Client):
    ways = {"post": 5, "post_wrongly": 1}

    def post(self, task: dict[str, Any]) -> None:
        kind = self.chance.choice(["approve", "reject"])
        self._post(task, "page", {"action-0-kind": kind, "comment": "seen"})

    def post_wrongly(self, task: dict[str, Any]) -> None:
        form = self.chance.choice([{}, {"kind": "respond"}, {"action-7-kind": "approve"}])
        self._post(task, "page, wrong form", form, is_wrong=True)

    def _post(
        self, task: dict[str, Any], how: str, form: dict[str, str], *, is_wrong: bool = False
    ) -> None:
        answer = self.http.post(f"/tasks/{task['id']}/decide/", data=form | token(self.http))
        self.keep(task, how, answer, is_wrong=is_wrong)


def decided(kind: str, args: dict[str, Any]) -> dict[str, Any]:
    """A middleware's answer, as clients of the SDK send it."""
    decision: dict[str, Any] = {"type": kind}
    if kind == "edit":
        decision["edited_action"] = {"name": "pay", "args": args}
    return {"decisions": [decision]}


def paid_by(value: dict[str, Any]) -> int | None:
    """What an answer has the graph pay; None for a rejection."""
    decision = value["decisions"][0]
    if decision["type"] == "reject":
        return None
    edited = decision.get("edited_action")
    return int(edited["args"]["amount"]) if edited else ASKED_AMOUNT


def payments(log: Path) -> list[dict[str, Any]]:
    """The side effects, each time they happened."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def together(works: list[Callable[[], None]]) -> None:
    """Each in a thread; what one raises is raised here when all are done."""
    raised: list[BaseException] = []

    def caught(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=caught, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
