// The query box offers how a filter could go on. The server says what; arrows choose, Enter takes.

const page = document;
const PAUSE = 120;
const LAST_WORD = /(?:[^\s"]|"[^"]*(?:"|$))+$/u;

let due = null;
let asked = 0;

const box = () => page.getElementById("search");
const offered = () => page.getElementById("suggestions");
const options = () => [...page.querySelectorAll("#suggestions [role=option]")];
const chosen = () => page.querySelector("#suggestions [aria-selected=true]");

function show(isShown) {
  offered().hidden = !isShown;
  box().setAttribute("aria-expanded", String(isShown));
  if (!isShown) box().removeAttribute("aria-activedescendant");
}

async function ask() {
  const number = ++asked;
  const search = box();
  if (!search) return;
  const given = new URLSearchParams({ q: search.value, at: search.selectionStart ?? 0 });
  const answer = await fetch(`${search.dataset.suggest}?${given}`, { headers: { "HX-Request": "true" } });
  const html = await answer.text();
  if (number !== asked || !answer.ok || page.activeElement !== box()) return;
  offered().innerHTML = html;
  show(options().length > 0);
}

function askSoon() {
  clearTimeout(due);
  due = setTimeout(() => ask().catch(() => show(false)), PAUSE);
}

function choose(step) {
  const all = options();
  const at = all.indexOf(chosen());
  const next = all[(at + step + (at < 0 && step < 0 ? 1 : 0) + all.length) % all.length];
  chosen()?.setAttribute("aria-selected", "false");
  next.setAttribute("aria-selected", "true");
  next.scrollIntoView({ block: "nearest" });
  box().setAttribute("aria-activedescendant", next.id);
}

function take(option) {
  const search = box();
  const at = search.selectionStart ?? search.value.length;
  const before = search.value.slice(0, at).replace(LAST_WORD, "") + option.dataset.text;
  search.value = before + search.value.slice(at).trimStart();
  search.focus();
  search.setSelectionRange(before.length, before.length);
  show(false);
  askSoon();
}

if (page.activeElement === box()) askSoon(); // it comes with the first focus
page.addEventListener("input", ({ target }) => target.id === "search" && askSoon());
page.addEventListener("focusin", ({ target }) => target.id === "search" && askSoon());
page.addEventListener("focusout", ({ target }) => target.id === "search" && show(false));
page.addEventListener("mousedown", (event) => {
  const option = event.target.closest?.("#suggestions [role=option]");
  if (!option) return;
  event.preventDefault(); // the box keeps the focus
  take(option);
});
page.addEventListener("keydown", (event) => {
  if (event.target.id !== "search" || offered().hidden || event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") choose(event.key === "ArrowDown" ? 1 : -1);
  else if (event.key === "Enter" && chosen()) take(chosen());
  else if (event.key === "Escape") show(false);
  else return;
  event.preventDefault();
  event.stopPropagation();
});
