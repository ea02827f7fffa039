"""What agents do, as rows: assistants, threads, their runs, and what the runs asked people."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac
from django.utils.timezone import now

from hitl_console.fields import WireJSONField

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562), as the Agent Server gives its threads and runs."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


class Assistant(models.Model):
    """A graph with a configuration; every graph has one of its own (`created_by: system`)."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=500, default="Untitled")
    description = models.TextField(null=True)  # noqa: DJ001  # null is what the wire says
    config = WireJSONField(default=dict)
    context = WireJSONField(default=dict)
    metadata = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["graph_id"])]

    def __str__(self) -> str:
        return f"{self.name} ({self.graph_id})"


class AssistantVersion(models.Model):
    """What an assistant was at one version; only ever added."""

    assistant = models.ForeignKey(Assistant, models.CASCADE, related_name="versions")
    version = models.PositiveIntegerField()
    graph_id = models.CharField(max_length=200)
    name = models.CharField(max_length=500)
    description = models.TextField(null=True)  # noqa: DJ001
    config = WireJSONField(default=dict)
    context = WireJSONField(default=dict)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["assistant", "version"], name="one_row_per_version")
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class ThreadQuerySet(models.QuerySet["Thread"]):
    def lock(self, thread_id: UUID) -> Thread:
        """The thread, held to the transaction's end: its runs and tasks change one at a time."""
        return self.select_for_update(no_key=True).get(pk=thread_id)

    def left_behind(self, age: timedelta) -> ThreadQuerySet:
        """Threads of stateless runs, over for a while, on which nobody is asked anything."""
        waits = Interrupt.objects.unsettled().filter(thread=models.OuterRef("pk"))
        runs = Run.objects.active().filter(thread=models.OuterRef("pk"))
        return self.filter(
            ~models.Exists(waits),
            ~models.Exists(runs),
            is_temporary=True,
            updated_at__lt=now() - age,
        )


class Thread(models.Model):
    """One conversation with a graph; its state lives in LangGraph's checkpoints."""

    class Status(models.TextChoices):
        IDLE = "idle"
        BUSY = "busy"
        INTERRUPTED = "interrupted"
        ERROR = "error"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    metadata = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=Status, default=Status.IDLE)
    config = WireJSONField(default=dict)
    values = WireJSONField(null=True)  # of the last settled run
    interrupts = WireJSONField(null=True)  # task id -> list, as the wire has it; null: never ran
    error = WireJSONField(null=True)
    is_temporary = models.BooleanField(default=False)  # of a stateless run: deleted when it is over
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)
    state_updated_at = models.DateTimeField(default=now, editable=False)

    objects = ThreadQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-updated_at"]),
            models.Index(fields=["status"]),
            models.Index(
                fields=["updated_at"],
                condition=models.Q(is_temporary=True),
                name="runs_thread_temporary",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def graph_id(self) -> str | None:
        """The graph of its last run, or the one it was created for."""
        graph_id: str | None = self.metadata.get("graph_id")
        return graph_id


class RunQuerySet(models.QuerySet["Run"]):
    def active(self) -> RunQuerySet:
        return self.filter(status__in=Run.ACTIVE)

    def on(self, thread_id: UUID) -> RunQuerySet:
        return self.filter(thread_id=thread_id)

    def abandoned(self) -> RunQuerySet:
        """Running for a worker that has not been heard of for a whole lease (database clock)."""
        return self.filter(status=Run.Status.RUNNING, lease_until__lt=Now())

    def transition(self, run_id: UUID, *, expect: Iterable[str], to: str, **fields: Any) -> bool:
        """Move a run on if it still is what we expect; False when someone was faster."""
        rows = self.filter(pk=run_id, status__in=expect)
        return bool(rows.update(status=to, updated_at=now(), **fields))

    def held(self, run: Run) -> RunQuerySet:
        """This run, only while this attempt of it may still write."""
        return self.filter(pk=run.pk, attempt=run.attempt, status=Run.Status.RUNNING)


class Run(models.Model):
    """One execution of an assistant on a thread. A resume is a new run."""

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        SUCCESS = "success"
        ERROR = "error"
        TIMEOUT = "timeout"
        INTERRUPTED = "interrupted"  # cancelled; a run that pauses ends with success

    ACTIVE = (Status.PENDING, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="runs")
    assistant = models.ForeignKey(Assistant, models.SET_NULL, null=True, related_name="runs")
    graph_id = models.CharField(max_length=200)
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    kwargs = WireJSONField(default=dict)  # the request, in the wire's words
    metadata = models.JSONField(default=dict)
    multitask_strategy = models.CharField(max_length=12, default="enqueue")
    state_update = WireJSONField(null=True)  # {"values", "as_node"} written before it goes on
    output = WireJSONField(null=True)  # what wait and join answer
    error = WireJSONField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    attempt = models.PositiveIntegerField(default=0)  # the fencing token: never used twice
    crashes = models.PositiveSmallIntegerField(default=0)  # attempts whose worker died
    lease_until = models.DateTimeField(null=True)
    job_id = models.BigIntegerField(null=True)
    not_before = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(default=now, editable=False)

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["thread"],
                condition=models.Q(status="running"),
                name="one_running_run_per_thread",
            )
        ]
        indexes = [
            models.Index(fields=["thread", "-created_at"]),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(status="running"),
                name="runs_run_leases",
            ),
            models.Index(
                fields=["created_at"],
                condition=models.Q(status="pending"),
                name="runs_run_pending",
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_active(self) -> bool:
        return self.status in self.ACTIVE

    @property
    def is_streamed(self) -> bool:
        """Somebody may read its events: only then are they written."""
        return bool(self.kwargs.get("stream_mode"))


class InterruptQuerySet(models.QuerySet["Interrupt"]):
    def on(self, thread_id: UUID) -> InterruptQuerySet:
        return self.filter(thread_id=thread_id)

    def pending(self) -> InterruptQuerySet:
        return self.filter(status=Interrupt.Status.PENDING)

    def unsettled(self) -> InterruptQuerySet:
        """Still in the graph's hands: waiting for an answer, or for the run that carries it."""
        return self.exclude(status=Interrupt.Status.CLOSED)


class Interrupt(models.Model):
    """One thing a graph waits for: a question a node asked, or a pause at a breakpoint."""

    class Kind(models.TextChoices):
        DYNAMIC = "dynamic"  # a node called interrupt()
        BREAKPOINT = "breakpoint"  # interrupt_before / interrupt_after

    class Status(models.TextChoices):
        PENDING = "pending"
        ANSWERED = "answered"  # a resume run carries the answer
        STUCK = "stuck"  # the node failed after its answer: LangGraph would ignore another
        CLOSED = "closed"  # gone from the graph

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="asked")
    run = models.ForeignKey(Run, models.CASCADE, related_name="asked")
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=100)  # LangGraph's interrupt id; a breakpoint's checkpoint id
    node = models.CharField(max_length=500)
    position = models.CharField(max_length=7, blank=True)  # of a breakpoint: before, after, between
    namespace = models.TextField(blank=True)
    task_id = models.CharField(max_length=100, blank=True)
    checkpoint_id = models.CharField(max_length=100)
    value = WireJSONField(null=True)  # a breakpoint's value is the state a reviewer needs
    response_schema = WireJSONField(null=True)
    fingerprint = models.CharField(max_length=64)  # of the graph that asked
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    answered_by = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="answers")
    created_at = models.DateTimeField(default=now, editable=False)

    objects = InterruptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["thread", "key"], name="one_interrupt_per_key")
        ]
        indexes = [models.Index(fields=["thread", "status"])]

    def __str__(self) -> str:
        return f"{self.kind} at {self.node}"

    @property
    def is_breakpoint(self) -> bool:
        return self.kind == self.Kind.BREAKPOINT


class RunEventQuerySet(models.QuerySet["RunEvent"]):
    def after(self, run_id: UUID, event_id: int) -> RunEventQuerySet:
        return self.filter(run_id=run_id, pk__gt=event_id).order_by("pk")


class RunEvent(models.Model):
    """One chunk of a run's stream, kept so that a client can read it again."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    event = models.CharField(max_length=500)
    data = WireJSONField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = RunEventQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["run", "id"])]

    def __str__(self) -> str:
        return f"{self.event} #{self.pk}"


class Scope(models.TextChoices):
    """What an API key may do."""

    RUNS = "runs", "Create and read threads and runs"
    RESUME = "resume", "Answer interrupts by resuming a thread"
    TASKS_READ = "tasks:read", "Read review tasks"
    TASKS_DECIDE = "tasks:decide", "Decide review tasks"
    ADMIN = "admin", "Everything"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self) -> ApiKeyQuerySet:
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=Now())
        return self.filter(alive, revoked_at__isnull=True, user__is_active=True)

    def find(self, key: str) -> ApiKey | None:
        """The usable key whose text this is."""
        digest = ApiKey.digest_of(key)
        return self.usable().select_related("user").filter(digest=digest).first()

    def issue(
        self, *, name: str, user: User, scopes: Iterable[str], days: int | None = None
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is shown now and never again."""
        prefix = secrets.token_hex(4)
        text = f"hitl_{prefix}_{secrets.token_urlsafe(32)}"
        key = self.create(
            name=name,
            user=user,
            prefix=prefix,
            digest=ApiKey.digest_of(text),
            scopes=list(scopes),
            expires_at=now() + timedelta(days=days) if days else None,
        )
        return key, text


class ApiKey(models.Model):
    """A program's way in; acts as its own service user, so that every decision has a name."""

    LAST_USED_STEP = timedelta(minutes=1)

    name = models.CharField(max_length=100)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_keys")
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), default=list)
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(text: str) -> str:
        """A key has 256 random bits: a keyed hash is enough, a slow one would only cost."""
        return salted_hmac("runs.ApiKey", text, algorithm="sha256").hexdigest()

    def may(self, scope: str) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_stale(self, moment: datetime) -> bool:
        """Whether `last_used_at` is worth a write."""
        return self.last_used_at is None or moment - self.last_used_at > self.LAST_USED_STEP
