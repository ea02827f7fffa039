// What only some forms have: boxes of JSON, rows that repeat, a state under edit.

import { isChanged } from "./task.js";

const page = document;
const tell = (within) => within.dispatchEvent(new Event("change", { bubbles: true }));

function addRow(button) {
  const group = button.closest("[data-rows]");
  const rows = [...group.querySelectorAll(":scope > [data-row]")];
  const index = Math.max(-1, ...rows.map((row) => Number(row.dataset.row))) + 1;
  const made = group.querySelector(":scope > template").content.cloneNode(true);
  const from = `${group.dataset.rows}/-`;
  for (const control of made.querySelectorAll("[name]")) {
    control.name = control.name.replace(from, `${group.dataset.rows}/${index}`);
  }
  for (const labelled of made.querySelectorAll("[id], [for]")) {
    const attribute = labelled.id ? "id" : "for";
    labelled.setAttribute(attribute, `${labelled.getAttribute(attribute)}-${index}`);
  }
  made.firstElementChild.dataset.row = index;
  for (const hidden of made.querySelectorAll("[data-scripted]")) hidden.hidden = false;
  button.parentElement.before(made);
  tell(group);
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

// A box of JSON says whether it can be read as such, while it is typed into.
function judgeJson(within) {
  for (const line of within.querySelectorAll("[data-json-line]")) {
    const { value } = line.parentElement.querySelector("textarea");
    const isGood = isJson(value);
    const said = isGood ? line.dataset.good : line.dataset.bad;
    line.textContent = value.trim() ? said : "";
    line.classList.toggle("is-bad", !isGood);
  }
}

// Whoever changes to JSON goes on from what the fields say.
export function fillJson({ name, value }) {
  const box = page.getElementById("json");
  const said = page.querySelector("#receives pre")?.textContent;
  if (name === "mode" && value === "json" && box && !isChanged(box) && isJson(said)) box.value = said;
}

// At a breakpoint the chord does what the form says: with changes, they are written first.
function nameTheWay(within, bar) {
  const editor = within.querySelector("[data-state]");
  const go = bar.querySelector("[data-primary][name=kind]");
  if (!editor || !go) return;
  const typed = [...editor.querySelectorAll("textarea, input:not([name^='how:'])")];
  const isEdited =
    page.getElementById("receives").dataset.way === "edit" ||
    typed.some((control) => control.checkVisibility() && isChanged(control));
  go.value = isEdited ? "edit" : "continue";
  const words = [...go.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (words) words.data = `${isEdited ? editor.dataset.edit : editor.dataset.continue} `;
}

export function update(within, bar) {
  judgeJson(within);
  nameTheWay(within, bar);
}

page.addEventListener("click", ({ target }) => {
  const add = target.closest("[data-add-row]");
  if (add) addRow(add);
  const row = target.closest("[data-remove-row]")?.closest("[data-row]");
  if (!row) return;
  const group = row.parentElement;
  row.remove();
  tell(group);
});
