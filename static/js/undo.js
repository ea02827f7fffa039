// What is about to be sent: its seconds run down, and its bar leaves when they are over.

const page = document;
const ends = new WeakMap(); // when a bar's time is over, by this browser's own clock
let clock = null;

function end(held) {
  held.removeAttribute("data-held");
  if (held.id === "decide") window.htmx.trigger("#task", "task-changed");
  else held.remove();
}

function count() {
  const bars = [...page.querySelectorAll("[data-held]")];
  for (const held of bars) {
    const [told, over] = ends.get(held) ?? [];
    const until = told === held.dataset.held ? over : performance.now() + held.dataset.held * 1_000;
    ends.set(held, [held.dataset.held, until]);
    const left = Math.ceil((until - performance.now()) / 1_000);
    held.querySelector("[data-seconds]").textContent = Math.max(0, left);
    held.querySelector("progress").value = Math.max(0, left);
    if (left <= 0) end(held);
  }
  clearTimeout(clock);
  if (bars.length) clock = setTimeout(count, 250);
}

page.addEventListener("htmx:afterSettle", count);
count();
