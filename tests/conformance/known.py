"""Where we answer otherwise than the recorded server, each with its reason.

The same reasons are given to users in docs/compatibility.md. An exchange that is not named here
must match, and one that is must not.
"""

from __future__ import annotations

NODES = "a breakpoint on a node the graph has not is refused"
AFTER = "follows from a difference before it"
UUIDS = "malformed UUIDs are 422 everywhere"
TEXT = "another sentence, the same code"
INMEM = "an accident of the recorded server, which kept its threads in memory"
PLACES = "metadata names other places: no graph internals, the assistant after an update"
THERE = "a resource that is not there is 404"
PRUNE = "keep_latest is served"
QUERIES = "a query that cannot be read is refused"
ACTIVE = "an active run is not deleted: cancel it first"
STRICT = "strict_resume is honoured"
GRACE = "what a stateless run has said can be fetched for half a minute"
REPLAY = "the replay of a failed run ends with its error"
ERRORS_500 = "the recorded server failed with 500"
STATELESS = "stateless runs can be joined"
LANGSMITH = "feedback keys call nobody"
TTL = "a ttl is shown to who asks for it"
SHARED = "the threads of other recordings are found too"
EARLY = "the recorded server had not begun the run yet"
SPEED = "catches a run at work: on a slow machine it has not come so far, or further"
PAGES = "the console's own pages live here"
OWN = "what this server is"
CORS = "pages of other sites are let in by name, and none is named"
BY_ID = "an answer goes by the id of its interrupt"
PARTIAL = "after a part of the answers, values show the part that has run"
WORDS = "tools answer in JSON, and say who is asked and where"
TOOLS = "assistants of other recordings are tools too; their order is not promised"

CHANNELS = "more is told, under other numbers; the end of a run is its last event"

DIFFERENCES: dict[str, dict[str, set[int]]] = {
    "a2a_mcp": {OWN: {3, 10}, TEXT: {8}, TOOLS: {11}, WORDS: {12}},
    "assistants": {INMEM: {42, 43}, TEXT: {49}},
    "assistants_errors": {TEXT: {1, 3, 5, 6, 7, 11, 24, 25}},
    "compiled_vs_runtime": {
        NODES: {9, 11, 14, 16, 19, 22, 24},
        AFTER: {10, 12, 15, 17, 20, 23, 25},
    },
    "errors": {TEXT: {5}, UUIDS: {12, 19}, NODES: {35}, AFTER: {38, 39, 43, 44, 46}},
    "failing_runs": {REPLAY: {21}},
    "hitl_docs_js_sdk": {SHARED: {15}},
    "hitl_docs_python_sdk": {SHARED: {17}},
    "hitl_middleware": {INMEM: {23, 24}, PARTIAL: {31}},
    "parallel_interrupts": {PARTIAL: {9, 10}},
    "protocol_v3": {CHANNELS: {1, 23, 24}},
    "resume_concurrent": {EARLY: {24, 25, 26, 27, 28, 31, 32, 33, 34, 35}},
    "runs_background": {QUERIES: {12, 14}, TEXT: {18}, ACTIVE: {26}, AFTER: {27}},
    "runs_cancel": {EARLY: {18, 19, 46, 55, 58}},
    "runs_cancel_running": {INMEM: {28, 38}, EARLY: {54}, SPEED: {42, 50}},
    "runs_if_not_exists": {INMEM: {3}},
    "runs_join_stream": {STATELESS: {30}, SPEED: {3, 24, 25}},
    "runs_stateless": {INMEM: {5, 8}, GRACE: {6, 7}},
    "runs_stream_interrupt_modes": {PLACES: {18, 24, 33, 42, 48}, BY_ID: {21}},
    "runs_stream_modes": {LANGSMITH: {30}},
    "runs_stream_subgraphs": {PLACES: {5, 6, 7, 14, 15}, INMEM: {11, 13}},
    "runs_webhook": {TEXT: {2, 3, 4, 5, 7}},
    "static_runtime": {NODES: {52, 55}, AFTER: {53, 54, 56, 57}, INMEM: {79}},
    "strict_resume": {OWN: {1}, STRICT: {4, 6, 7, 10}, AFTER: {8}},
    "system": {OWN: {3, 4, 5, 6}, PAGES: {7, 8}, TEXT: {9, 10, 12}, CORS: {16}},
    "threads_lifecycle": {SPEED: {8}},
    "thread_stream": {THERE: {12}},
    "threads_copy_prune_storage": {
        INMEM: {5, 12},
        THERE: {10},
        UUIDS: {11},
        PRUNE: {17},
        AFTER: {18},
    },
    "threads_crud": {TTL: {10}, TEXT: {23, 34}},
    "threads_search": {SHARED: {27}, ERRORS_500: {29, 43}, INMEM: {31}},
    "threads_state": {TEXT: {4}, ERRORS_500: {12}, PLACES: {17, 19, 20, 22, 24, 29, 33, 37, 39}},
    "threads_ttl": {TTL: {9, 12}},
    "webhook_refused": {TEXT: {8}},
    "zz_delete_system_assistant": {TEXT: {5}},
}
# These differ or not by what was faster.
DEPENDS_ON_SPEED = {EARLY, SHARED, SPEED, TOOLS}
