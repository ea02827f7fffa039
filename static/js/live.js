// The socket: it says that something changed, never what. Pages hear it as a "live" event on the
// document, with `task` when one task is meant and without when anything may have been missed; who
// looks at a task they hear as "presence", and that their login is over as "signed-out".

const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;
const SAY_SO_AFTER = 8_000;
const SIGNED_OUT = 4003;
const root = document.documentElement;

let failures = 0;
let retry = null;
let complaint = null;

function announce(detail) {
  const kind = detail.here ? "presence" : "live";
  document.dispatchEvent(new CustomEvent(kind, { detail }));
}

function showLost(isLost) {
  const strip = document.getElementById("lost");
  if (strip) strip.hidden = !isLost;
}

function opened() {
  failures = 0;
  clearTimeout(complaint);
  complaint = null;
  root.dataset.live = "on";
  showLost(false);
  announce({}); // whatever was signalled while nobody listened
}

function closed({ code }) {
  root.dataset.live = "off";
  if (code === SIGNED_OUT) document.dispatchEvent(new CustomEvent("signed-out"));
  complaint ??= setTimeout(showLost, SAY_SO_AFTER, true);
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
}

addEventListener("online", hurry);
document.addEventListener("visibilitychange", () => document.hidden || hurry());
document.addEventListener("click", (event) => event.target.closest("[data-reconnect]") && hurry());
connect();
