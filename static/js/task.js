// The open task: what was typed is kept, the decision bar says where things stand, and a form
// under edit is never replaced behind the reviewer's back.

const page = document;
const form = () => page.querySelector("#task form.decision");
const taskId = () => page.getElementById("task")?.dataset.task;
const draftKey = (id) => `draft:${id}`;
const CHECKED = "confirmed"; // what somebody says they checked, they say again after a reload
let fields = null; // of boxes of JSON, rows that repeat, states under edit

function controls(within) {
  return [...within.elements].filter(
    (control) => control.name && control.type !== "hidden" && control.type !== "submit",
  );
}

export function isChanged(control) {
  if (control.type === "radio" || control.type === "checkbox") {
    return control.checked !== control.defaultChecked;
  }
  if (control instanceof HTMLSelectElement) {
    return [...control.options].some((option) => option.selected !== option.defaultSelected);
  }
  return control.value !== control.defaultValue;
}

const isSent = (within) => Boolean(within?.matches(".htmx-request, [data-sent]"));

function isDirty(within) {
  return "refused" in within.dataset || controls(within).some(isChanged);
}

// -- drafts: in this tab only, gone when the decision is sent ---------------------------------

function keepDraft(within) {
  const entries = controls(within)
    .filter(({ name }) => name !== CHECKED)
    .filter((control) => !["radio", "checkbox"].includes(control.type) || control.checked)
    .map((control) => [control.name, control.value]);
  if (!isDirty(within)) sessionStorage.removeItem(draftKey(taskId()));
  else sessionStorage.setItem(draftKey(taskId()), JSON.stringify(entries));
}

function restoreDraft(within) {
  const kept = sessionStorage.getItem(draftKey(taskId()));
  if (!kept) return; // it is at least as new as what the server was sent
  const entries = JSON.parse(kept);
  for (const control of controls(within).filter(({ name }) => name !== CHECKED)) {
    const values = entries.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "radio" || control.type === "checkbox") {
      control.checked = values.includes(control.value);
    } else if (values.length) {
      [control.value] = values;
    }
  }
  window.htmx.trigger("#receives", "answer-changed");
}

function showUnsent() {
  const fold = page.querySelector("#task [data-unsent]");
  const kept = sessionStorage.getItem(draftKey(taskId()));
  if (!fold || !kept) return;
  const typed = JSON.parse(kept).filter(([name, value]) => value && !name.endsWith("-kind"));
  fold.querySelector("pre").textContent = typed.map(([, value]) => value).join("\n\n");
  fold.hidden = !typed.length;
}

// -- the decision bar and the cards --------------------------------------------------------------

function markEdited(within) {
  for (const field of within.querySelectorAll(".field")) {
    const control = field.querySelector("input, textarea, select");
    const was = field.querySelector(".was");
    const edited = Boolean(control) && isChanged(control) && !("refused" in within.dataset);
    field.classList.toggle("is-edited", edited);
    if (was) was.hidden = !edited;
  }
}

function countActions(within, bar) {
  const cards = [...within.querySelectorAll(".act")];
  const chosen = cards.map((card) => card.querySelector(".seg :checked")).filter(Boolean);
  const words = bar.dataset;
  const tally = ["approve", "edit", "reject", "respond"]
    .map((kind) => [kind, chosen.filter((radio) => radio.value === kind).length])
    .filter(([, count]) => count)
    .map(([kind, count]) => `${count} ${words[kind]}`);
  const told = bar.querySelector(".tally");
  if (!cards.length || !told) return; // without one, the bar says already that it was decided
  told.textContent = words.tally
    .replace("{done}", chosen.length)
    .replace("{all}", cards.length);
  bar.querySelector(".kinds").textContent = tally.join(", ");
  const send = bar.querySelector("[data-primary]");
  send.disabled = "held" in send.dataset || chosen.length < cards.length;
}

// Only the panel of the chosen mode is shown and sent.
function showModes(within) {
  for (const group of within.querySelectorAll(".modes")) {
    const chosen = group.querySelector("[name=mode]:checked")?.value;
    for (const panel of chosen ? group.querySelectorAll("[data-mode]") : []) {
      panel.hidden = panel.dataset.mode !== chosen;
      for (const control of panel.querySelectorAll("input, textarea, select")) {
        control.disabled = panel.hidden;
      }
    }
  }
}

// What only some forms have comes with them.
async function takeFields(within) {
  if (!within.querySelector("[data-json-line], [data-rows], [data-state]")) return;
  fields ??= await import("./fields.js");
  update();
}

function update() {
  const within = form();
  const bar = page.getElementById("decide");
  if (!within || !bar) return;
  showModes(within);
  markEdited(within);
  fields?.update(within, bar);
  countActions(within, bar);
  const label = bar.querySelector("[data-when-edited]");
  const text = within.querySelector("[data-compare] textarea");
  if (label && text) {
    const original = page.getElementById("original").value;
    const { whenSame, whenEdited } = label.dataset;
    label.textContent = text.value === original ? whenSame : whenEdited;
  }
}

async function compareTexts() {
  const compared = page.querySelector("#task [data-compare]");
  if (compared) (await import("./diff.js")).compare(compared);
}

function begin() {
  if (page.querySelector("[data-held]")) import("./undo.js");
  const within = form();
  if (!within) {
    showUnsent();
    return compareTexts();
  }
  restoreDraft(within);
  for (const hidden of within.querySelectorAll("[data-scripted]")) hidden.hidden = false;
  update();
  takeFields(within);
  return compareTexts();
}

function chooseAll(kind) {
  for (const radio of form().querySelectorAll(`.seg [value="${kind}"]`)) radio.checked = true;
  form().dispatchEvent(new Event("change", { bubbles: true }));
}

function fillIn(words) {
  const box = page.getElementById("text");
  box.value = words;
  box.focus();
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

function tell(words) {
  const place = page.getElementById("trouble");
  if (!place) return;
  place.hidden = !words;
  place.querySelector("b").textContent = words;
}

// -- events ------------------------------------------------------------------------------------------

for (const kind of ["input", "change"]) {
  page.addEventListener(kind, (event) => {
    if (!form()?.contains(event.target)) return;
    delete form().dataset.sent; // it stayed, and somebody goes on in it
    fields?.fillJson(event.target);
    keepDraft(form());
    update();
  });
}
page.addEventListener("click", (event) => {
  const all = event.target.closest("[data-all]");
  if (all) chooseAll(all.dataset.all);
  const offered = event.target.closest("[data-fill]");
  if (offered) fillIn(offered.dataset.fill);
});
page.addEventListener("live", ({ detail }) => {
  if (!taskId() || (detail.task && String(detail.task) !== taskId())) return;
  const within = form();
  if (isSent(within)) return; // the signal is of its own sending
  if (!within) window.htmx.trigger("#task", "task-changed");
  else if (isDirty(within)) window.htmx.trigger("#receives", "answer-changed");
  else if (!within.contains(page.activeElement)) window.htmx.trigger("#task", "task-changed");
  else window.htmx.trigger("#receives", "answer-changed");
});
page.addEventListener("htmx:beforeSwap", (event) => {
  const { requestConfig } = event.detail;
  const within = form();
  const isRefresh = event.target.id === "task" && requestConfig.elt === event.target;
  if (!isRefresh || !within || !isDirty(within)) return;
  event.detail.shouldSwap = false; // somebody began to type while the refresh was on its way
  window.htmx.trigger("#receives", "answer-changed");
});
page.addEventListener("htmx:beforeSwap", ({ target, detail }) => {
  const isAnswer = target.id === "task" && detail.requestConfig.verb === "post";
  if (isAnswer && form()) window.htmx.trigger("#receives", "htmx:abort"); // it is of the old form
});
page.addEventListener("htmx:afterSettle", (event) => {
  if (event.target.id === "task" || event.target.id === "page") begin();
  else update();
});
page.addEventListener("htmx:beforeRequest", (event) => {
  if (event.target === form()) tell("");
  if (event.target.id === "receives" && isSent(form())) event.preventDefault(); // too late to ask
});
page.addEventListener("htmx:afterRequest", (event) => {
  const { requestConfig, xhr } = event.detail;
  const location = xhr?.getResponseHeader("HX-Location");
  if (!location || requestConfig.elt !== form()) return;
  form().dataset.sent = "";
  sessionStorage.removeItem(draftKey(taskId()));
});
for (const kind of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  page.addEventListener(kind, (event) => {
    const place = page.getElementById("trouble");
    if (event.detail.requestConfig?.elt === form()) tell(place?.dataset.unsent ?? "");
  });
}
// A fold that its reader opened stays open when the page around it is refreshed.
window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node instanceof HTMLDetailsElement);
page.addEventListener("DOMContentLoaded", begin); // after htmx, which listens already
