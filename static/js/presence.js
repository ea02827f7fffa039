// Who else has a task open. Each page says every 20 seconds that it is there, which also keeps a
// claim of its reader's alive; nobody stores it, and who is not heard of for 45 seconds is gone.

const page = document;
const EVERY = 20_000;
const FORGOTTEN = 45_000;
const IDLE = 5 * 60_000; // without a key or a pointer nobody is there, however long the page is
const EDITING = 60_000;

const others = new Map(); // by task: by person: name, what they do, when they were heard of
let lastMove = performance.now();
let lastKey = -Infinity;
let here = ""; // the task others were told of

const form = () => page.querySelector("#task form.decision");
const task = () => (form() ? page.getElementById("task").dataset.task : "");

function say(id, word) {
  const token = page.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
  const body = new URLSearchParams({ here: word, csrfmiddlewaretoken: token });
  const options = { method: "POST", body, redirect: "manual", keepalive: true };
  fetch(`/tasks/${id}/presence/`, options).catch(() => {}); // live.js says when the line is lost
}

function beat() {
  const now = performance.now();
  if (!task() || page.hidden || now - lastMove > IDLE) return;
  here = task();
  say(here, now - lastKey < EDITING ? "editing" : "viewing");
}

function leave() {
  if (here) say(here, "gone");
  here = "";
}

function draw() {
  const since = performance.now() - FORGOTTEN;
  for (const place of page.querySelectorAll("[data-presence]")) {
    const people = [...(others.get(place.dataset.presence)?.values() ?? [])];
    const words = people
      .filter(({ at }) => at > since)
      .map(({ name, is }) => place.dataset[is].replace("{name}", () => name || place.dataset.somebody));
    const text = place.querySelector("span");
    const told = words.join(", ");
    if (text.textContent !== told) text.textContent = told;
    place.title = told;
    place.hidden = !words.length;
  }
}

function hear({ task: id, person, name, here: is }) {
  const people = others.get(String(id)) ?? new Map();
  const isNew = !people.has(person);
  if (is === "gone") people.delete(person);
  else people.set(person, { name, is, at: performance.now() });
  others.set(String(id), people);
  if (isNew && is !== "gone" && String(id) === task()) beat(); // so that they know of us at once
  draw();
}

function moved() {
  const wasIdle = performance.now() - lastMove > IDLE;
  lastMove = performance.now();
  if (wasIdle) beat();
}

function begin() {
  if (here && here !== task()) leave();
  if (task() && here !== task()) beat();
  draw();
}

for (const kind of ["pointermove", "pointerdown", "keydown", "scroll"]) {
  page.addEventListener(kind, moved, { capture: true, passive: true });
}
page.addEventListener("input", ({ target }) => {
  if (target.form !== form() || !form()) return;
  const wasEditing = performance.now() - lastKey < EDITING;
  lastKey = performance.now();
  if (!wasEditing) beat();
});
page.addEventListener("presence", ({ detail }) => hear(detail));
page.addEventListener("visibilitychange", () => (page.hidden ? leave() : beat()));
addEventListener("pagehide", leave);
page.addEventListener("htmx:afterSettle", begin);
page.addEventListener("DOMContentLoaded", begin);
setInterval(beat, EVERY);
setInterval(draw, 5_000);
