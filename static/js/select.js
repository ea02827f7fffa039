// Several tasks at once: which rows are selected, kept while the list is fetched again under them
// and when its reader comes back to it in the same tab. It comes with the first one.

import { isTyping } from "./keys.js";

const page = document;
const ASK_AFTER = 150; // what can be done with them is asked once the selection rests
const KEPT = "selected";
const selected = new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
let last = null; // the row a range begins at
let asking = null;

const boxes = () => [...page.querySelectorAll("#list .pick input")];
const boxOf = (row) => row?.parentElement.querySelector(".pick input");

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

export function toggle() {
  const box = boxOf(here());
  put(box, !box?.checked);
  last = box?.value ?? null;
  changed();
}

export function extend(step) {
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

export function all() {
  boxes().forEach((box) => put(box, true));
  changed();
}

// A click on a row's box; with Shift it is the other end of a range.
export function take({ box, isIn, isRange }) {
  if (isRange) fill(box);
  last = box.value;
  put(box, isIn);
  changed();
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

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && selected.size && !isTyping(event)) empty();
});
page.addEventListener("change", ({ target }) => {
  if (target.id === "bulk-all") ask();
  else if (target.matches("#commit .members input")) count();
});
page.addEventListener("click", clicked);
page.addEventListener("htmx:afterSwap", (event) => event.target.id !== "bulk-words" && settled());
settled();
ask();
count();
