// What is typed is kept on the server a second after the last key, and in this tab until it is
// there: task.js writes and restores that copy, this module says which of the two is the newer.

const page = document;
const QUIET = 1_000;
const RETRY = 5_000;
const SMALL = 60_000; // bytes a browser still sends for a page that is being left

const form = () => page.querySelector("#task form.decision");
const task = () => page.getElementById("task")?.dataset.task ?? "";
const bar = () => page.getElementById("decide");
const unsaved = () => `unsaved:${task()}`;
const said = () => `said:${task()}`;

let due = null;
let saving = null;
let typed = 0; // counts what was typed, to know whether it is what was saved

function tell(words) {
  const place = page.getElementById("saved");
  if (place && place.textContent !== words) place.textContent = words;
}

function tellSaved(within) {
  const discard = bar()?.querySelector(".draft button");
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  tell(page.getElementById("saved")?.dataset.saved.replace("{time}", time) ?? "");
  if (discard) discard.hidden = false;
  within.dataset.kept = "";
}

function showSignedOut(isOut) {
  const banner = page.getElementById("signed-out");
  if (banner) banner.hidden = !isOut;
}

function later(wait) {
  clearTimeout(due);
  due = setTimeout(save, wait);
}

async function took(answer, within, upTo) {
  if (answer.type === "opaqueredirect") return showSignedOut(true);
  showSignedOut(false);
  if (answer.ok) {
    if (typed === upTo) sessionStorage.removeItem(unsaved());
    return tellSaved(within);
  }
  const words = page.getElementById("saved")?.dataset ?? {};
  tell((answer.status === 413 ? words.long : words.unsaved) ?? "");
  if (answer.status === 413) return undefined;
  if (answer.status === 403) await (await import("./token.js")).renewToken();
  return later(RETRY);
}

async function save({ isLeaving = false } = {}) {
  clearTimeout(due);
  const within = form();
  if (!within || !sessionStorage.getItem(unsaved())) return;
  const body = new URLSearchParams(new FormData(within));
  body.append("by", "page");
  saving?.abort();
  saving = new AbortController();
  const upTo = typed;
  const options = { method: "POST", body, redirect: "manual", signal: saving.signal };
  const keepalive = isLeaving && body.toString().length < SMALL;
  try {
    const answer = await fetch(`/tasks/${task()}/draft/`, { ...options, keepalive });
    if (within === form()) await took(answer, within, upTo);
  } catch (error) {
    if (error.name === "AbortError") return;
    tell(page.getElementById("saved")?.dataset.unsaved ?? "");
    later(RETRY);
  }
}

function forget() {
  clearTimeout(due);
  saving?.abort();
  sessionStorage.removeItem(unsaved());
}

// A tab may be used by several people, one after the other: nobody finds what another typed.
function greet() {
  const person = bar()?.dataset.person;
  if (!person || sessionStorage.getItem("person") === person) return;
  if (sessionStorage.getItem("person")) sessionStorage.clear();
  sessionStorage.setItem("person", person);
}

// Runs before task.js restores this tab's copy, which goes if the server has all that is in it.
function begin() {
  greet();
  const comment = page.getElementById("say-text");
  if (comment && !comment.value) comment.value = sessionStorage.getItem(said()) ?? "";
  if (!form()) return;
  if (sessionStorage.getItem(unsaved())) later(QUIET);
  else sessionStorage.removeItem(`draft:${task()}`);
}

const isOurs = (control) => control.form && control.form === form() && control.name;

for (const kind of ["input", "change"]) {
  page.addEventListener(kind, ({ target }) => {
    if (target.id === "say-text") sessionStorage.setItem(said(), target.value);
    if (!isOurs(target)) return;
    typed += 1;
    sessionStorage.setItem(unsaved(), "yes");
    later(QUIET);
  });
}
page.addEventListener("focusout", ({ target }) => target.form && isOurs(target) && save());
page.addEventListener("visibilitychange", () => page.hidden && save({ isLeaving: true }));
page.addEventListener("htmx:configRequest", ({ detail: { elt, parameters } }) => {
  const isTyped = sessionStorage.getItem(unsaved()) !== null;
  if (elt.matches("[data-drops-draft]") && isTyped) parameters.typed = "yes";
});
page.addEventListener("click", (event) => {
  if (!event.target.closest("[data-drops-draft]")) return;
  forget(); // what is in the form goes along with the click
  sessionStorage.removeItem(`draft:${task()}`);
});
page.addEventListener("live", ({ detail }) => {
  if (!detail.task) save(); // the line is back
  if (detail.is === "commented" && String(detail.task) === task()) {
    window.htmx.trigger("#said", "comments-changed");
  }
});
page.addEventListener("signed-out", () => showSignedOut(true));
page.addEventListener("htmx:beforeRequest", ({ target }) => target === form() && saving?.abort());
page.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, requestConfig } = event.detail;
  if (requestConfig.elt.id === "say" && xhr.status === 200) sessionStorage.removeItem(said());
  const isAsked = requestConfig.elt.matches("form, button, a");
  if (isAsked || !form() || !xhr.getResponseHeader("HX-Redirect")) return;
  event.preventDefault(); // only whoever sends something is taken to the login, not who types
  showSignedOut(true);
});
page.addEventListener("htmx:afterRequest", ({ detail: { requestConfig, xhr } }) => {
  if (requestConfig.elt === form() && xhr?.getResponseHeader("HX-Location")) forget();
});
page.addEventListener("htmx:afterSettle", ({ target }) => {
  if (["task", "page", "comments"].includes(target.id)) begin();
});
page.addEventListener("DOMContentLoaded", begin); // after htmx, before task.js
