// The socket: it says that something changed, never what. Pages hear it as a "live" event on the
// document, with `task` when one task is meant and without when anything may have been missed; who
// looks at a task they hear as "presence", and that their login is over as "signed-out".
// Where no socket can be had, pages look for themselves: a "live" event every 15 seconds.

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const SAY_SO_AFTER = 8_000;
const LOOK_EVERY = 15_000;
const SIGNED_OUT = 4003;
const NO_SOCKETS = "no-sockets"; // in this tab: its next page does not wait before it looks
const root = document.documentElement;

let failures = 0;
let retry = null;
let look = null; // set while there is no socket

function announce(detail) {
  const kind = detail.here ? "presence" : "live";
  document.dispatchEvent(new CustomEvent(kind, { detail }));
}

function show(state, isSaid) {
  root.dataset.live = state;
  const strip = document.getElementById("lost");
  if (strip) strip.hidden = !isSaid;
}

function opened() {
  failures = 0;
  clearTimeout(look);
  look = null;
  sessionStorage.removeItem(NO_SOCKETS);
  show("on", false);
  announce({}); // whatever was signalled while nobody listened
}

async function lookForChanges() {
  clearTimeout(look);
  look = setTimeout(lookForChanges, LOOK_EVERY);
  if (document.hidden) return;
  const answer = await fetch("/ok").catch(() => null);
  if (look === null) return; // the socket is back
  show(answer?.ok ? "polled" : "off", true);
  if (!answer?.ok) return;
  sessionStorage.setItem(NO_SOCKETS, "yes");
  announce({});
}

function closed({ code }) {
  if (root.dataset.live !== "polled") root.dataset.live = "off";
  if (code === SIGNED_OUT) document.dispatchEvent(new CustomEvent("signed-out"));
  look ??= setTimeout(lookForChanges, sessionStorage.getItem(NO_SOCKETS) ? 0 : SAY_SO_AFTER);
  const ceiling = Math.min(FIRST_WAIT * 2 ** failures, LONGEST_WAIT);
  failures += 1;
  clearTimeout(retry);
  retry = setTimeout(connect, Math.max(FIRST_WAIT, Math.random() * ceiling));
}

function connect() {
  clearTimeout(retry);
  retry = null;
  const address = new URL("/ws/live/", location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", (message) => announce(JSON.parse(message.data)));
  socket.addEventListener("close", closed);
}

function hurry() {
  if (retry !== null) connect();
  if (root.dataset.live === "polled") lookForChanges();
}

addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.hidden || hurry());
document.addEventListener("click", (event) => event.target.closest("[data-reconnect]") && hurry());
connect();
