"""The paths of LangGraph's Agent Server, in the order of its reference."""

from __future__ import annotations

from django.urls import path, re_path

from runs.api import (
    a2a,
    assistants,
    breakpoints,
    crons,
    following,
    mcp,
    protocol,
    runs,
    stateless,
    store,
    system,
    threads,
)
from runs.api.endpoint import not_found

THREAD = "threads/<str:thread_id>"
RUN = f"{THREAD}/runs/<str:run_id>"
ASSISTANT = "assistants/<str:assistant_id>"

urlpatterns = [
    path("assistants", assistants.AssistantListView.as_view()),
    path("assistants/search", assistants.AssistantSearchView.as_view()),
    path("assistants/count", assistants.AssistantCountView.as_view()),
    path(ASSISTANT, assistants.AssistantView.as_view()),
    path(f"{ASSISTANT}/graph", assistants.AssistantGraphView.as_view()),
    path(f"{ASSISTANT}/subgraphs", assistants.AssistantSubgraphsView.as_view()),
    path(f"{ASSISTANT}/subgraphs/<str:namespace>", assistants.AssistantSubgraphView.as_view()),
    path(f"{ASSISTANT}/schemas", assistants.AssistantSchemasView.as_view()),
    path(f"{ASSISTANT}/versions", assistants.AssistantVersionsView.as_view()),
    path(f"{ASSISTANT}/latest", assistants.AssistantLatestView.as_view()),
    path("threads", threads.ThreadListView.as_view()),
    path("threads/search", threads.ThreadSearchView.as_view()),
    path("threads/count", threads.ThreadCountView.as_view()),
    path("threads/prune", threads.ThreadPruneView.as_view()),
    path(f"{THREAD}/storage", threads.ThreadStorageView.as_view()),
    path(f"{THREAD}/stream", following.ThreadStreamView.as_view()),
    path(f"{THREAD}/stream/events", protocol.EventsView.as_view()),
    path(f"{THREAD}/commands", protocol.CommandsView.as_view()),
    path(f"{THREAD}/state", threads.ThreadStateView.as_view()),
    path(f"{THREAD}/state/checkpoint", threads.ThreadStateCheckpointView.as_view()),
    path(f"{THREAD}/state/<str:checkpoint_id>", threads.ThreadStateAtView.as_view()),
    path(f"{THREAD}/history", threads.ThreadHistoryView.as_view()),
    path(f"{THREAD}/copy", threads.ThreadCopyView.as_view()),
    path(THREAD, threads.ThreadView.as_view()),
    path(f"{THREAD}/runs", runs.ThreadRunsView.as_view()),
    path(f"{THREAD}/runs/stream", runs.ThreadRunStreamView.as_view()),
    path(f"{THREAD}/runs/wait", runs.ThreadRunWaitView.as_view()),
    path(f"{THREAD}/runs/crons", crons.ThreadCronsView.as_view()),
    path(RUN, runs.RunView.as_view()),
    path(f"{RUN}/join", runs.RunJoinView.as_view()),
    path(f"{RUN}/stream", runs.RunStreamView.as_view()),
    path(f"{RUN}/cancel", runs.RunCancelView.as_view()),
    path("runs/cancel", runs.RunsCancelView.as_view()),
    path("runs/crons", crons.CronsView.as_view()),
    path("runs/crons/search", crons.CronSearchView.as_view()),
    path("runs/crons/count", crons.CronCountView.as_view()),
    path("runs/crons/<str:cron_id>", crons.CronView.as_view()),
    path("runs/stream", stateless.StatelessRunStreamView.as_view()),
    path("runs/wait", stateless.StatelessRunWaitView.as_view()),
    path("runs/batch", stateless.RunBatchView.as_view()),
    path("runs", stateless.StatelessRunsView.as_view()),
    path("runs/<str:run_id>/stream", stateless.StatelessJoinStreamView.as_view()),
    path("store/items", store.StoreItemsView.as_view()),
    path("store/items/search", store.StoreSearchView.as_view()),
    path("store/namespaces", store.StoreNamespacesView.as_view()),
    path("breakpoints", breakpoints.BreakpointListView.as_view()),
    path("breakpoints/versions", breakpoints.BreakpointVersionsView.as_view()),
    path("breakpoints/<str:breakpoint_id>", breakpoints.BreakpointView.as_view()),
    path("mcp", mcp.McpView.as_view()),
    path("mcp/", mcp.McpView.as_view(schema=None)),
    path("a2a/<str:assistant_id>", a2a.A2aView.as_view()),
    path(".well-known/agent-card.json", a2a.AgentCardView.as_view()),
    path("info", system.InfoView.as_view()),
    path("metrics", system.MetricsView.as_view()),
    path("ok", system.OkView.as_view()),
    # What clients ask for below these roots is never a page.
    re_path(
        r"^(?:assistants|breakpoints|threads|runs|store|mcp|a2a|\.well-known|ok|info|metrics)"
        r"(?:/.*)?$",
        not_found,
    ),
]
