// The list of tasks: fetched again when something changed, without losing the reader's place.
// While a hand is on it (pointer, focus, selection, scrolled) new rows wait behind the bar, and
// rows that leave stay for a moment with what became of them: nothing moves under the pointer.

const page = document;
const SETTLE = 120; // several signals, one request
const REST = 4; // times as long as the last request took: a busy server gets fewer
const LONGEST_REST = 3_000;
const LEAVE = 3_000;
const MOST_ROWS = 400;
const STATES = ["decided", "failed", "superseded", "cancelled"];

const list = () => page.getElementById("list");
const rows = () => [...page.querySelectorAll("#list .row[href]")];
const item = (row) => row.closest("li");
const outcomes = new Map(); // task → what a signal said became of it

let due = null;
let asked = 0;
let free = 0; // when the next request may go
let known = new Set();
let place = -1; // of the focused row, should it leave
let waiting = 0; // new rows behind the bar
let isAsked = false; // for them

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

// -- fetching -----------------------------------------------------------------------------------

function refresh() {
  clearTimeout(due);
  due = null;
  if (list()) window.htmx.trigger("#list", "list-changed");
}

function soon() {
  due ??= setTimeout(refresh, Math.max(SETTLE, free - performance.now()));
}

function scroller() {
  const box = page.querySelector("#list .rows");
  const scrolls = box && getComputedStyle(box).overflowY !== "visible";
  return scrolls ? box : page.scrollingElement;
}

function fetchMore() {
  const more = page.getElementById("more");
  if (!more?.hasAttribute("hx-get") || rows().length >= MOST_ROWS) return;
  const { scrollTop, clientHeight, scrollHeight } = scroller();
  if (scrollTop + clientHeight >= 0.8 * scrollHeight) window.htmx.trigger(more, "near");
}

// -- a hand on the list -------------------------------------------------------------------------

function isHeld() {
  const body = list();
  const isTouched = body.matches(":hover") || (body !== page.activeElement && body.contains(page.activeElement));
  return isTouched || scroller().scrollTop > 4 || Boolean(body.querySelector(":checked"));
}

function drop(row) {
  const section = row.closest("section");
  item(row).remove();
  if (section && !section.querySelector("li")) section.remove();
}

function gone(old) {
  const left = old.cloneNode(true);
  if (old.className === "gone") return left;
  const row = left.querySelector(".row");
  left.className = "gone";
  left.querySelector(".pick")?.remove();
  for (const { name } of [...row.attributes]) if (name !== "class") row.removeAttribute(name);
  const body = list();
  const word = body.dataset[outcomes.get(old.id.slice(4))] ?? body.dataset.gone;
  row.querySelector(".marks").textContent = word;
  return left;
}

// Rows that are shown and no longer sent, put back where they stood.
function keepGone(incoming) {
  const sent = new Set([...incoming.querySelectorAll("li")].map((one) => one.id));
  const shown = [...page.querySelectorAll("#list li")];
  const last = shown.findLastIndex((one) => sent.has(one.id));
  const isCut = incoming.querySelector("#more[hx-get]") !== null;
  for (const [at, old] of shown.entries()) {
    if (sent.has(old.id) || (isCut && at > last)) continue;
    const above = at > 0 && incoming.querySelector(`[id="${shown[at - 1].id}"]`);
    if (above) above.after(gone(old));
    else incoming.querySelector("#list ul")?.prepend(gone(old));
  }
}

function held(html) {
  const incoming = new DOMParser().parseFromString(html, "text/html");
  const fresh = [...incoming.querySelectorAll("#list .row")].filter((row) => !known.has(row.dataset.task));
  keepGone(incoming);
  waiting = isAsked || !rows().length || !isHeld() ? 0 : fresh.length;
  if (waiting) fresh.forEach(drop);
  isAsked = false;
  return [...incoming.head.children, ...incoming.body.children].map((part) => part.outerHTML).join("");
}

function tellOfNew() {
  const bar = page.getElementById("newbar");
  if (!bar) return;
  bar.hidden = waiting === 0;
  const words = waiting === 1 ? bar.dataset.one : bar.dataset.many;
  bar.querySelector("span").textContent = waiting ? words.replace("{n}", waiting) : "";
}

function letGo() {
  for (const left of page.querySelectorAll("#list .gone:not([data-over])")) {
    left.dataset.over = "soon";
    setTimeout(() => {
      const row = page.querySelector(`[id="${left.id}"].gone .row`); // unless it came back
      if (row) drop(row);
      if (list() && !rows().length) soon(); // to say that nothing is left
    }, LEAVE);
  }
}

function afterRefresh() {
  free = performance.now() + Math.min(REST * (performance.now() - asked), LONGEST_REST);
  known = new Set(rows().map((row) => row.dataset.task));
  mark();
  tellOfNew();
  letGo();
  if (place >= 0 && page.activeElement === page.body) {
    const next = rows()[Math.min(place, rows().length - 1)];
    next?.focus({ preventScroll: true });
  }
}

// What is not needed to read the list comes with its first use.
const clicks = [];

async function select({ target: box, shiftKey }) {
  clicks.push({ box, isIn: box.checked, isRange: shiftKey && box.checked });
  const { take } = await import("./select.js");
  clicks.splice(0).forEach(take);
}

function reselect() {
  if (list() && /\d/u.test(sessionStorage.getItem("selected") ?? "")) import("./select.js");
}

function closeDrops({ target }) {
  for (const open of page.querySelectorAll("details.drop[open]")) {
    if (!open.contains(target)) open.open = false;
  }
}

// -- events -------------------------------------------------------------------------------------

page.addEventListener("live", ({ detail }) => {
  if (STATES.includes(detail?.is)) outcomes.set(String(detail.task), detail.is);
  soon();
});
page.addEventListener("marked", refresh); // by this reader, who waits for it
page.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.id !== "list") return;
  asked = performance.now();
  detail.parameters.rows = rows().length;
});
page.addEventListener("htmx:beforeSwap", ({ target, detail }) => {
  if (target.id !== "list" || !detail.shouldSwap || !list()) return;
  place = rows().indexOf(page.activeElement);
  if (detail.requestConfig.elt.id === "list") detail.serverResponse = held(detail.serverResponse);
});
page.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "list") afterRefresh();
  else if (target.id === "task") page.querySelector(`#row-${taskInView() || 0} .row`)?.classList.remove("unread");
  else known = new Set(rows().map((row) => row.dataset.task));
  mark();
  reselect();
});
page.addEventListener("click", (event) => {
  if (event.target.closest("#newbar")) {
    isAsked = true;
    scroller().scrollTop = 0;
    refresh();
  }
  if (event.target.matches("#list .pick input")) select(event);
  closeDrops(event);
});
page.addEventListener("focusin", (event) => {
  if (event.target.id === "search") import("./search.js");
  closeDrops(event);
});
page.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest("details.drop[open]");
  if (!open) return;
  event.stopPropagation();
  open.open = false;
  open.querySelector("summary").focus();
});
page.addEventListener("scroll", fetchMore, { capture: true, passive: true });
page.addEventListener("pointerout", ({ target, relatedTarget }) => {
  if (waiting && list()?.contains(target) && !list().contains(relatedTarget)) soon();
});
known = new Set(rows().map((row) => row.dataset.task));
mark();
reselect();
