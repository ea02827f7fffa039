// Keys of the open task. They choose and show; nothing here sends.

import { tinykeys } from "../vendor/tinykeys.js";
import { isTyping } from "./keys.js";

const page = document;

function press(selector) {
  const found = page.querySelector(selector);
  if (found && !found.disabled && !found.closest("[hidden]")) found.click();
}

// The option with this number, or else the action.
function pick(number) {
  const option = page.querySelectorAll('#task form [name="option"]')[number - 1];
  if (option && !option.disabled) {
    option.focus();
    option.click();
    return;
  }
  const card = page.querySelectorAll("#task form .act")[number - 1];
  (card?.querySelector(".seg :checked") ?? card?.querySelector(".seg input"))?.focus();
}

function showState() {
  const fold = page.querySelector("#task .edit-state");
  if (!fold) return;
  fold.open = true;
  fold.querySelector("summary").focus();
}

const does = (action) => (event) => {
  event.preventDefault();
  action(event);
};
const digits = Array.from({ length: 9 }, (_, at) => String(at + 1));

tinykeys(
  window,
  {
    "Shift+A": does(() => press('#task [data-all="approve"]')),
    d: does(() => press("#task [data-toggle-view]")),
    s: does(showState),
    v: does(() => press("#task [data-key=raw]")),
    ...Object.fromEntries(digits.map((digit) => [digit, does(() => pick(Number(digit)))])),
  },
  { ignore: isTyping },
);
