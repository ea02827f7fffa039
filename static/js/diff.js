// Two texts side by side: what the agent wrote with its losses struck, what the reviewer types
// with the additions marked behind the caret.

import { diffLines } from "../vendor/diff/diff/line.js";
import { diffWordsWithSpace } from "../vendor/diff/diff/word.js";

const LINES_ONLY_OVER = 20_000; // characters: words would cost more than they tell
const BUDGET = 20; // milliseconds a keystroke may wait
const PATIENCE = 250;
const drawn = new WeakMap();
// What is not seen, or turns the text around it, is shown as a mark on the agent's side.
const UNSEEN =
  /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

function visible(text) {
  return text.replace(UNSEEN, (char) => {
    const code = char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    return `⟨U+${code}⟩`;
  });
}

// Changed words with nothing but a space between them are one change to a reader.
function joined(parts) {
  const found = [];
  let [minus, plus] = ["", ""];
  const flush = () => {
    if (minus) found.push({ value: minus, removed: true });
    if (plus) found.push({ value: plus, added: true });
    [minus, plus] = ["", ""];
  };
  parts.forEach(({ value, added, removed }, at) => {
    const isBridge = /^[^\S\n]+$/u.test(value) && (minus || plus) && at < parts.length - 1;
    if (added) plus += value;
    else if (removed) minus += value;
    else if (isBridge) [minus, plus] = [minus + value, plus + value];
    else {
      flush();
      found.push({ value });
    }
  });
  flush();
  return found;
}

function changes(before, after) {
  const isLong = before.length + after.length > LINES_ONLY_OVER;
  return isLong ? diffLines(before, after) : joined(diffWordsWithSpace(before, after));
}

function element(tag, className = "") {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

// One side of a comparison, line by line.
class Side {
  constructor(tag, className) {
    this.lines = [];
    this.tag = tag;
    this.className = className;
    this.start();
  }

  start() {
    this.line = element("div", "ln");
    this.lines.push(this.line);
  }

  // Adds text and answers with the first line that begins in it, if any.
  add(text, isChanged) {
    let begun = this.line.hasChildNodes() ? null : this.line;
    text.split("\n").forEach((part, at) => {
      if (at) {
        if (isChanged && !this.line.hasChildNodes()) this.line.classList.add(this.className);
        this.start();
        begun ??= this.line;
      }
      if (!part) return;
      if (isChanged) this.line.classList.add(this.className);
      const piece = isChanged ? element(this.tag) : document.createTextNode("");
      piece.textContent = part;
      this.line.append(piece);
    });
    return begun;
  }
}

function words(text) {
  return text.split(/\s+/u).filter(Boolean).length;
}

function paint(box, parts) {
  const old = new Side("del", "old");
  const own = new Side("ins", "new");
  const meeting = []; // pairs of lines that begin with the same text
  const merged = element("div", "text");
  let [plus, minus] = [0, 0];
  for (const { value, added, removed } of parts) {
    const isMeeting = old.line.hasChildNodes() === own.line.hasChildNodes();
    const left = added ? null : old.add(visible(value), removed);
    const right = removed ? null : own.add(value, added);
    if (isMeeting && left && right) meeting.push([left, right]);
    if (added) plus += words(value);
    if (removed) minus += words(value);
    const piece = added ? element("ins") : removed ? element("del") : document.createTextNode("");
    piece.textContent = visible(value);
    merged.append(piece);
  }
  box.querySelector("[data-original]").replaceChildren(...old.lines);
  box.querySelector(".mirror").replaceChildren(...own.lines);
  box.querySelector("[data-merged]").replaceChildren(...merged.childNodes);
  const stat = box.querySelector("[data-stat]");
  stat.hidden = !(plus || minus);
  stat.querySelector(".p").textContent = `+${plus}`;
  stat.querySelector(".m").textContent = `−${minus}`;
  align(meeting);
}

// The reviewer's side is a text box and cannot move, so the agent's side makes room.
function align(meeting) {
  for (const [left, right] of meeting) {
    const missing = right.getBoundingClientRect().top - left.getBoundingClientRect().top;
    if (missing < 4) continue;
    const gap = element("div", "gap");
    gap.style.height = `${missing}px`;
    left.before(gap);
  }
}

export function compare(box) {
  if (drawn.has(box)) {
    drawn.get(box)(); // a refresh kept the box and cleared the paint
    return;
  }
  const source = document.getElementById("original");
  if (!box.isConnected || !source) return; // another task came while this module was on its way
  const text = box.querySelector("textarea");
  const original = source.value;
  let waiting = null;
  let cost = 0;
  const draw = () => {
    const begun = performance.now();
    paint(box, changes(original, text.value));
    cost = performance.now() - begun;
  };
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    if (cost <= BUDGET) draw();
    else waiting = setTimeout(draw, PATIENCE);
  });
  box.querySelector("[data-reset]")?.addEventListener("click", () => {
    text.value = original;
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.focus();
  });
  box.querySelector("[data-toggle-view]").addEventListener("click", ({ currentTarget }) => {
    const inline = box.dataset.view !== "inline";
    box.dataset.view = inline ? "inline" : "sides";
    currentTarget.setAttribute("aria-pressed", String(inline));
    draw();
  });
  drawn.set(box, draw);
  new ResizeObserver(draw).observe(box);
}
