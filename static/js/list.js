// The list of tasks: fetched again when something changed, without losing the reader's place.

const page = document;
const list = () => page.getElementById("list");
const rows = () => [...page.querySelectorAll("#list .row")];

let due = null;
let known = new Set();
let place = -1; // of the focused row, should it leave

const taskInView = () => page.getElementById("task")?.dataset.task ?? "";

function mark() {
  const shown = taskInView();
  for (const row of rows()) {
    if (row.dataset.task === shown) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const frame = page.getElementById("page");
  if (frame?.contains(list())) {
    frame.classList.toggle("task-view", Boolean(shown));
    frame.classList.toggle("list-view", !shown);
  }
}

function isInSight(row) {
  const box = row.getBoundingClientRect();
  const frame = row.closest(".rows").getBoundingClientRect();
  return box.top >= Math.max(frame.top, 0) - 1 && box.bottom <= Math.min(frame.bottom, innerHeight) + 1;
}

function tellOfNew() {
  const bar = page.getElementById("newbar");
  const unseen = rows().filter((row) => row.dataset.fresh && !isInSight(row));
  if (!bar) return;
  bar.hidden = unseen.length === 0;
  if (!unseen.length) return;
  const words = unseen.length === 1 ? bar.dataset.one : bar.dataset.many;
  bar.querySelector("span").textContent = words.replace("{n}", unseen.length);
}

function afterRefresh() {
  for (const row of rows()) {
    if (known.size && !known.has(row.dataset.task)) row.dataset.fresh = "yes";
  }
  known = new Set(rows().map((row) => row.dataset.task));
  mark();
  tellOfNew();
  if (place >= 0 && page.activeElement === page.body) {
    const next = rows()[Math.min(place, rows().length - 1)];
    next?.focus({ preventScroll: true });
  }
}

page.addEventListener("live", () => {
  clearTimeout(due);
  due = setTimeout(() => list() && window.htmx.trigger("#list", "list-changed"), 120);
});
page.addEventListener("htmx:beforeSwap", (event) => {
  if (event.target.id === "list") place = rows().indexOf(page.activeElement);
});
page.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "list") afterRefresh();
  else mark();
});
page.addEventListener("click", (event) => {
  if (!event.target.closest("#newbar")) return;
  const unseen = rows().filter((row) => row.dataset.fresh && !isInSight(row));
  unseen[0]?.scrollIntoView({ block: "center" });
  rows().forEach((row) => delete row.dataset.fresh);
  tellOfNew();
});
known = new Set(rows().map((row) => row.dataset.task));
mark();
