// Keys. Letters move and choose; only the chord sends. None fires while somebody types.

import { tinykeys } from "../vendor/tinykeys.js";

const page = document;
const PANE_DELAY = 120; // a held J runs down the list without loading every task
const GO_WITHIN = 1_500;
let opening = null;
let going = null;
let isGoing = false;

export function isTyping({ target, isComposing }) {
  if (page.documentElement.dataset.keys === "off") return true; // switched off under /me/
  if (isComposing || page.querySelector("dialog[open]")) return true;
  return target.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
}

function press(selector) {
  const found = page.querySelector(selector);
  if (found && !found.disabled) found.click();
}

function move(step) {
  const rows = [...page.querySelectorAll("#list .row[href]")];
  if (!rows.length) return press(step > 0 ? "[data-key=next]" : "[data-key=previous]");
  const focused = rows.indexOf(page.activeElement);
  const at = focused >= 0 ? focused : rows.findIndex((row) => row.ariaCurrent);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
  next.focus();
  clearTimeout(opening);
  opening = setTimeout(() => next.isConnected && !next.ariaCurrent && next.click(), PANE_DELAY);
  return undefined;
}

function choose(kind) {
  const cards = [...page.querySelectorAll("#task .act")];
  const here = page.activeElement.closest(".act");
  const card = here ?? cards.find((one) => !one.querySelector(".seg :checked")) ?? cards[0];
  const radio = card?.querySelector(`.seg [value="${kind}"]`);
  if (!radio || radio.disabled) return;
  radio.focus();
  radio.click();
}

function openPage(event) {
  const { activeElement } = page;
  if (activeElement !== page.body && !activeElement.matches("#list .row")) return;
  event.preventDefault();
  press("[data-key=open]");
}

function leave() {
  if (page.activeElement.matches("input, textarea, select")) return page.activeElement.blur();
  return page.querySelector("#list .row[aria-current]")?.focus();
}

function openSnooze() {
  const drop = page.querySelector("[data-key=snooze]")?.parentElement;
  if (!drop) return;
  drop.open = true;
  drop.querySelector("button").focus();
}

// G, then the letter of a list: before the single keys hear that letter.
function go(event) {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) return;
  const link = isGoing && page.querySelector(`.nav [data-go="${event.key}"]`);
  isGoing = event.key === "g";
  clearTimeout(going);
  going = setTimeout(() => (isGoing = false), GO_WITHIN);
  if (!link) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  link.click();
}

const does = (action) => (event) => {
  event.preventDefault();
  action(event);
};
const selects = (action, ...given) => async (event) => {
  if (!page.querySelector("#list .pick")) return;
  event.preventDefault();
  (await import("./select.js"))[action](...given);
};

window.addEventListener("keydown", go);
tinykeys(
  window,
  {
    j: does(() => move(1)),
    k: does(() => move(-1)),
    Enter: openPage,
    o: openPage,
    c: does(() => press("[data-key=claim]")),
    a: does(() => choose("approve")),
    e: does(() => choose("edit")),
    r: does(() => choose("reject")),
    y: does(() => choose("respond")),
    u: does(() => press("[data-key=unread]")),
    w: does(() => press("[data-key=watch]")),
    h: does(openSnooze),
    z: does(() => press("[data-key=undo]")),
    x: selects("toggle"),
    "Shift+J": selects("extend", 1),
    "Shift+K": selects("extend", -1),
    "$mod+a": selects("all"),
    "/": does(() => page.getElementById("search")?.select()),
    "[Shift]+?": does(() => page.getElementById("help").showModal()),
  },
  { ignore: isTyping },
);
tinykeys(
  window,
  {
    "$mod+Enter": does(() => press("#task [data-primary], #batch [data-primary]")),
    Escape: leave,
  },
  { ignore: ({ isComposing }) => isComposing || Boolean(page.querySelector("dialog[open], :popover-open")) },
);
page.addEventListener("click", ({ target }) => {
  if (target.closest("[data-help]")) page.getElementById("help").showModal();
  if (target.closest("[popovertarget=account]")) import("./theme.js"); // the colours are in it
});
if (/Mac|iPhone|iPad/u.test(navigator.platform)) {
  for (const key of page.querySelectorAll("[data-mod]")) key.textContent = "⌘";
}
