// Several tasks at once: which rows are selected, kept while the list is fetched again under them
// and when its reader comes back to it in the same tab.

import { tinykeys } from "../vendor/tinykeys.js";
import { isTyping } from "./keys.js";

const page = document;
const ASK_AFTER = 150; // what can be done with them is asked once the selection rests
const KEPT = "selected";
const selected = new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
let last = null; // the row a range begins at
let asking = null;

const boxes = () => [...page.querySelectorAll("#list .pick input")];
const boxOf = (row) => row?.parentElement.querySelector(".pick input");
const rowOf = (box) => box.closest("li").querySelector(".row");

function here() {
  const row = page.activeElement.closest?.("#list li")?.querySelector(".row");
  return row ?? page.querySelector("#list .row[aria-current]") ?? page.querySelector("#list .row");
}

function show() {
  for (const box of boxes()) box.checked = selected.has(box.value);
  page.getElementById("bulk")?.toggleAttribute("data-empty", selected.size === 0);
  sessionStorage.setItem(KEPT, JSON.stringify([...selected]));
}

function changed() {
  const all = page.getElementById("bulk-all");
  if (all) all.checked = false;
  show();
  ask();
}

function ask() {
  clearTimeout(asking);
  if (!selected.size) return;
  asking = setTimeout(() => {
    const bar = page.getElementById("bulk");
    if (bar) window.htmx.trigger(bar, "selection-changed");
  }, ASK_AFTER);
}

function put(box, isIn) {
  if (!box) return;
  if (isIn) selected.add(box.value);
  else selected.delete(box.value);
}

function toggle() {
  const box = boxOf(here());
  put(box, !box?.checked);
  last = box?.value ?? null;
  changed();
}

function extend(step) {
  const rows = [...page.querySelectorAll("#list .row")];
  const at = rows.indexOf(here());
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
  put(boxOf(rows[at]), true);
  put(boxOf(next), true);
  next?.focus();
  changed();
}

function fill(box) {
  const every = boxes();
  const from = every.findIndex((one) => one.value === last);
  const [start, end] = [from, every.indexOf(box)].sort((one, other) => one - other);
  if (from >= 0) every.slice(start, end + 1).forEach((one) => put(one, true));
}

function ticked(event) {
  const box = event.target;
  if (box.matches(".pick input")) {
    put(box, box.checked);
    changed();
  } else if (box.id === "bulk-all") {
    ask();
  } else if (box.matches("#commit .members input")) {
    count();
  }
}

function count() {
  const kept = page.querySelectorAll("#commit .members input:checked").length;
  const send = page.querySelector("#commit [data-primary]");
  if (!send) return;
  send.disabled = kept === 0;
  send.querySelector("[data-kept]").textContent = kept;
}

function clicked(event) {
  if (event.target.closest("[data-unselect]")) {
    empty();
    here()?.focus();
  } else if (event.target.matches(".pick input")) {
    if (event.shiftKey && event.target.checked) fill(event.target);
    last = event.target.value;
  }
}

function empty() {
  selected.clear();
  changed();
}

function settled() {
  if (!page.getElementById("list")) return;
  const there = new Set(boxes().map((box) => box.value));
  const gone = [...selected].filter((value) => !there.has(value));
  gone.forEach((value) => selected.delete(value));
  show();
  if (gone.length) ask();
}

const does = (action) => (event) => {
  if (!page.getElementById("list")) return;
  event.preventDefault();
  action();
};

function send(event) {
  const primary = page.querySelector("#batch [data-primary]");
  if (!primary || primary.disabled) return;
  event.preventDefault();
  primary.click();
}

tinykeys(
  window,
  {
    x: does(toggle),
    "Shift+J": does(() => extend(1)),
    "Shift+K": does(() => extend(-1)),
    "$mod+a": does(() => {
      boxes().forEach((box) => put(box, true));
      changed();
    }),
    Escape: () => selected.size && empty(),
  },
  { ignore: isTyping },
);
tinykeys(window, { "$mod+Enter": send }, { ignore: ({ isComposing }) => isComposing });
page.addEventListener("change", ticked);
page.addEventListener("click", clicked);
page.addEventListener("htmx:afterSwap", (event) => event.target.id !== "bulk-words" && settled());
page.addEventListener("DOMContentLoaded", () => {
  settled();
  ask();
  count();
});
