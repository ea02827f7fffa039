// The timeline by keys: arrows step through it, with Shift they extend what is compared, F runs
// from the step in focus. And what is shown is asked for again when something changed.

import { tinykeys } from "../vendor/tinykeys.js";
import { isTyping } from "./keys.js";

const page = document;
const names = () => [...page.querySelectorAll("[data-steps] [data-state]")]; // newest first
const stepOf = (name) => name.closest("[data-checkpoint]");

let from = null; // the checkpoint a comparison begins at
let to = null;
let due = null;

function showRange() {
  const marked = names().map(stepOf);
  const ends = [from, to].map((id) => marked.findIndex((step) => step.dataset.checkpoint === id));
  const [low, high] = ends.toSorted((a, b) => a - b);
  const isChosen = low >= 0 && low !== high;
  marked.forEach((step, at) => step.classList.toggle("is-marked", isChosen && at >= low && at <= high));
  const bar = page.getElementById("range");
  if (!bar) return;
  bar.hidden = !isChosen;
  if (!isChosen) return;
  const [later, earlier] = [marked[low], marked[high]];
  bar.querySelector("span").textContent = bar.dataset.words
    .replace("{a}", earlier.dataset.number)
    .replace("{b}", later.dataset.number);
  const address = new URL(later.querySelector("[data-state]").href);
  address.searchParams.set("diff", earlier.dataset.checkpoint);
  bar.querySelector("a").href = address;
}

function move(by, extends_) {
  const all = names();
  if (!all.length) return page.querySelector(by > 0 ? "[data-step=earlier]" : "[data-step=later]")?.click();
  const at = all.findIndex((name) => stepOf(name).contains(page.activeElement));
  const next = all[at < 0 ? 0 : Math.max(0, Math.min(all.length - 1, at + by))];
  if (extends_) from ??= stepOf(all[Math.max(0, at)]).dataset.checkpoint;
  else from = null;
  to = extends_ ? stepOf(next).dataset.checkpoint : null;
  next.focus();
  return showRange();
}

function fork() {
  const step = page.activeElement.closest("[data-checkpoint]");
  (step ?? page.querySelector(".bar"))?.querySelector("[data-fork]")?.click();
}

const does = (action) => (event) => {
  event.preventDefault();
  action();
};

function begin() {
  for (const hint of page.querySelectorAll(".keyline[data-scripted]")) hint.hidden = false;
  showRange();
}

tinykeys(
  window,
  {
    ArrowLeft: does(() => move(1, false)),
    ArrowRight: does(() => move(-1, false)),
    "Shift+ArrowLeft": does(() => move(1, true)),
    "Shift+ArrowRight": does(() => move(-1, true)),
    f: does(fork),
  },
  { ignore: isTyping },
);
page.addEventListener("live", () => {
  clearTimeout(due);
  due = setTimeout(() => {
    const shown = page.getElementById("timeline") ?? page.getElementById("run");
    if (shown) window.htmx.trigger(shown, shown.id === "run" ? "run-changed" : "thread-changed");
  }, 120);
});
page.addEventListener("htmx:beforeSwap", (event) => {
  if (page.querySelector("#run :popover-open")) event.detail.shouldSwap = false; // under a hand
});
page.addEventListener("htmx:afterSettle", begin);
page.addEventListener("DOMContentLoaded", begin); // after htmx, which listens already
