// The breakpoints' form: what is changed is counted, kept through a reload, and told by the server.
// The picture beside it hears of changes by "drafted" and "happened" events on the form.

import { tinykeys } from "../vendor/tinykeys.js";
import { isTyping } from "./keys.js";

const page = document;
const form = page.getElementById("stops");
const save = page.getElementById("save");
const key = `breakpoints:${form.dataset.assistant}`;
const EVERY = 5_000; // runs move without a word: only pauses are signalled
let due = null;

const boxes = () => [...form.querySelectorAll("input[data-was]")];
const isChanged = (box) => String(box.checked) !== box.dataset.was;

function keep(changed) {
  const entries = changed.map(({ name, value, checked }) => [name, value, checked]);
  if (entries.length) sessionStorage.setItem(key, JSON.stringify(entries));
  else sessionStorage.removeItem(key);
}

function restore() {
  for (const [name, value, checked] of JSON.parse(sessionStorage.getItem(key) ?? "[]")) {
    const box = boxes().find((one) => one.name === name && one.value === value);
    if (box) box.checked = checked;
  }
}

function show() {
  const changed = boxes().filter(isChanged);
  const words = JSON.parse(page.getElementById("words").textContent);
  const label = changed.length === 1 ? words.one : words.many;
  save.textContent = changed.length ? label.replace("{n}", changed.length) : words.none;
  save.disabled = !changed.length;
  keep(changed);
  form.dispatchEvent(new Event("drafted"));
}

function changed() {
  show();
  window.htmx.trigger("#changes", "draft-changed");
}

function hear() {
  clearTimeout(due);
  due = setTimeout(() => page.hidden || window.htmx.trigger("#now", "now-changed"), 200);
}

function happened() {
  for (const lead of form.querySelectorAll("[data-lead]")) {
    const told = [...form.querySelectorAll("[data-here]")].find(
      (one) => one.dataset.here === lead.dataset.lead,
    );
    if (told && told.innerHTML !== lead.innerHTML) {
      lead.replaceChildren(...told.cloneNode(true).childNodes);
    }
  }
  form.dispatchEvent(new Event("happened"));
}

function pause(side) {
  const part = form.querySelector(".is-chosen, tr:focus-within");
  part?.querySelector(`[data-side="${side}"][data-scope="assistant"]`)?.click();
}

const does = (action) => (event) => {
  event.preventDefault();
  action();
};

form.classList.add("scripted");
form.addEventListener("change", changed);
form.addEventListener("click", (event) => {
  if (event.target.closest("[data-discard]")) sessionStorage.removeItem(key);
});
page.addEventListener("live", hear);
page.addEventListener("htmx:afterSwap", ({ target }) => target.id === "now" && happened());
tinykeys(
  window,
  { b: does(() => pause("before")), "Shift+b": does(() => pause("after")) },
  { ignore: isTyping },
);
setInterval(hear, EVERY);
page.addEventListener("DOMContentLoaded", () => {
  restore();
  if (boxes().some(isChanged)) changed();
  else show();
});
