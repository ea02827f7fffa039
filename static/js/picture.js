// The picture of a graph: laid out by dagre, drawn as SVG whose nodes are links to their part of
// the form. What stands in the form is what is drawn.

import { Graph, layout } from "../vendor/dagre.js";

const page = document;
const form = page.getElementById("stops");
const canvas = form.querySelector(".canvas");
const drawing = JSON.parse(page.getElementById("drawing").textContent);
const words = JSON.parse(page.getElementById("words").textContent);
const openKey = `inside:${form.dataset.assistant}`;
const open = new Set(JSON.parse(sessionStorage.getItem(openKey) ?? "[]"));
const MARGIN = 100; // above and below, for the legend and the buttons
const GATE = /:__(start|end)__$/u; // of a subgraph: its outer edges stand for these
const WAYS = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };

let graph = null;
let size = [0, 0];
let zoom = "fit";
let chosen = "";

function el(name, attributes, ...children) {
  const made = page.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// -- laid out: an open subgraph's nodes stand in its place

function flatten(picture, parent, flat) {
  for (const node of picture.nodes) {
    const isOpen = Boolean(node.inside) && open.has(node.id);
    flat.nodes.set(node.id, { ...node, parent, isOpen });
    if (isOpen) flatten(node.inside, node.id, flat);
  }
  flat.edges.push(...picture.edges);
  return flat;
}

function ends(id, nodes, near, far, edge) {
  const node = nodes.get(id);
  if (!node?.isOpen) return [id];
  const gate = `${id}:${edge}`;
  return node.inside.edges
    .filter((one) => one[near] === gate && !GATE.test(one[far]))
    .flatMap((one) => ends(one[far], nodes, near, far, edge));
}

function arrange() {
  const { nodes, edges } = flatten(drawing, "", { nodes: new Map(), edges: [] });
  graph = new Graph({ compound: true, multigraph: true });
  graph.setGraph({ nodesep: 64, ranksep: 78, edgesep: 24, marginx: 40, marginy: 44 });
  for (const end of ["__start__", "__end__"]) {
    if (edges.some((edge) => edge.source === end || edge.target === end)) {
      const label = end === "__start__" ? words.start : words.end;
      graph.setNode(end, { id: end, label, isEnd: true, width: 96, height: 34 });
    }
  }
  for (const node of nodes.values()) {
    const width = Math.max(168, node.label.length * 8 + 44);
    graph.setNode(node.id, { ...node, width, height: 44 });
  }
  for (const node of nodes.values()) if (node.parent) graph.setParent(node.id, node.parent);
  edges.forEach((edge, index) => {
    if (GATE.test(edge.source) || GATE.test(edge.target)) return;
    for (const source of ends(edge.source, nodes, "target", "source", "__end__")) {
      for (const target of ends(edge.target, nodes, "source", "target", "__start__")) {
        const width = edge.label.length * 7;
        graph.setEdge(source, target, { ...edge, width, height: 18, labelpos: "c" }, `${index}`);
      }
    }
  });
  layout(graph);
}

// -- drawn

function path(points) {
  const [first, ...rest] = points;
  let told = `M${first.x} ${first.y}`;
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    if (!next) told += ` L${point.x} ${point.y}`;
    else told += ` Q${point.x} ${point.y} ${(point.x + next.x) / 2} ${(point.y + next.y) / 2}`;
  });
  return told;
}

function drawEdge(edge) {
  const line = el("path", {
    class: edge.conditional ? "edge cond" : "edge",
    "marker-end": "url(#arrow)",
    d: path(edge.points),
  });
  if (!edge.label) return [line];
  const box = { x: edge.x - edge.width / 2, y: edge.y - 9, width: edge.width, height: 18 };
  const label = el("text", { class: "lbl", x: edge.x, y: edge.y }, edge.label);
  return [line, el("rect", { class: "lblbg", ...box }), label];
}

function drawNode(node) {
  const { width, height } = node;
  const box = { x: node.x - width / 2, y: node.y - height / 2, width, height };
  const shape = el("rect", { class: "box", rx: node.isEnd ? 17 : 10, ...box });
  const at = node.isOpen ? { x: box.x + 12, y: box.y + 15 } : { x: node.x, y: node.y };
  const label = el("text", at, node.label);
  if (node.isEnd) return el("g", { class: "n end" }, shape, label);
  const kind = node.isOpen ? "n open" : "n";
  const link = el("a", { class: kind, href: node.href, "data-id": node.id }, shape, label);
  const isDeep = node.inside && !node.isOpen;
  if (isDeep) link.prepend(el("rect", { class: "under", rx: 10, ...box, y: box.y + 5 }));
  return link;
}

function draw() {
  const focused = page.activeElement?.dataset?.id;
  arrange();
  const { width, height } = graph.graph();
  size = [width, height];
  const arrow = { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, orient: "auto" };
  Object.assign(arrow, { markerWidth: 7, markerHeight: 7 });
  const nodes = graph.nodes().map((id) => graph.node(id));
  nodes.sort((one, other) => one.y - other.y || one.x - other.x); // the order of the Tab key
  canvas.replaceChildren(
    el(
      "svg",
      { class: "g", viewBox: `0 0 ${width} ${height}` },
      el("defs", {}, el("marker", arrow, el("path", { class: "arrow", d: "M0 .5 L7 4 L0 7.5 z" }))),
      ...nodes.filter((node) => node.isOpen).map(drawNode),
      ...graph.edges().flatMap((edge) => drawEdge(graph.edge(edge))),
      ...nodes.filter((node) => !node.isOpen).map(drawNode),
      el("g", { class: "marks" }),
    ),
  );
  mark();
  scale();
  if (focused) links().find((link) => link.dataset.id === focused)?.focus({ preventScroll: true });
}

// -- what changes without a new layout

const links = () => [...canvas.querySelectorAll("a.n")];

function sideOf(node, side) {
  const boxes = [...form.querySelectorAll(`input[data-side="${side}"]`)];
  const found = boxes.filter((box) => box.dataset.node === node.id);
  const isSet = found.some((box) => box.checked);
  const isNew = isSet !== found.some((box) => box.dataset.was === "true");
  return { isSet, isNew, isCompiled: node[side] };
}

function pill(node, side, state) {
  const y = side === "before" ? node.y - node.height / 2 - 27 : node.y + node.height / 2 + 25;
  const label = words[side];
  const width = label.length * 6.2 + 36;
  const left = node.x - width / 2;
  const kind = `bp${state.isSet ? "" : " lock"}${state.isNew ? " new" : ""}`;
  return el(
    "g",
    { class: kind, "aria-hidden": "true" },
    el("rect", { x: left, y: y - 11, width, height: 22, rx: 11 }),
    el("path", { d: `M${left + 12} ${y - 3.5} v7 M${left + 17} ${y - 3.5} v7` }),
    el("text", { x: left + 25, y: y + 0.5 }, label),
  );
}

function count(node, number, url) {
  const x = node.x + (node.width / 2 + 17) * (url ? 1 : -1);
  const label = number > 99 ? "99+" : String(number);
  const round = el("circle", { cx: x, cy: node.y, r: number > 99 ? 14 : 11 });
  const text = el("text", { x, y: node.y + 0.5 }, label);
  if (!url) return el("g", { class: "count run", "aria-hidden": "true" }, round, text);
  const told = `${words.waiting.replace("{n}", label)}: ${node.label}`;
  return el("a", { class: "count", href: url, "aria-label": told }, round, text);
}

function mark() {
  const marks = [];
  const now = [...form.querySelectorAll("[data-here]")].map(({ dataset }) => dataset);
  for (const link of links()) {
    const node = graph.node(link.dataset.id);
    const say = [node.label];
    for (const side of ["before", "after"]) {
      const state = sideOf(node, side);
      if (!state.isSet && !state.isCompiled) continue;
      marks.push(pill(node, side, state));
      say.push(state.isSet ? words[side] : `${words[side]} (${words.compiled})`);
    }
    const here = now.find((one) => one.here === node.id);
    const [waiting, running] = [Number(here?.waiting), Number(here?.running)];
    if (waiting) say.push(words.waiting.replace("{n}", waiting));
    if (running) say.push(words.running.replace("{n}", running));
    if (waiting && !node.isOpen) marks.push(count(node, waiting, here.url));
    if (running && !node.isOpen) marks.push(count(node, running));
    link.setAttribute("aria-label", say.join(", "));
    link.classList.toggle("sel", node.id === chosen);
  }
  canvas.querySelector(".marks").replaceChildren(...marks);
}

function choose(id) {
  chosen = graph.hasNode(id) ? id : "";
  for (const part of form.querySelectorAll("[data-part]")) {
    part.classList.toggle("is-chosen", part.dataset.part === chosen);
  }
  const href = graph.node(chosen)?.href;
  if (href && location.hash !== href) history.replaceState(history.state, "", href);
  mark();
}

function scale() {
  const [width, height] = size;
  const fit = Math.min(1, canvas.clientWidth / width, (canvas.clientHeight - MARGIN) / height);
  const factor = zoom === "fit" ? Math.max(fit, canvas.clientWidth < 500 ? 0.8 : 0.5) : 1;
  const svg = canvas.firstElementChild;
  svg.setAttribute("width", width * factor);
  svg.setAttribute("height", height * factor);
}

function fold(button) {
  const id = button.dataset.fold;
  if (!open.delete(id)) open.add(id);
  sessionStorage.setItem(openKey, JSON.stringify([...open]));
  showFolds();
  draw();
}

function showFolds() {
  for (const button of form.querySelectorAll("[data-fold]")) {
    button.setAttribute("aria-expanded", String(open.has(button.dataset.fold)));
  }
}

// An open subgraph is where its upper edge is, above what is inside.
const top = (node) => (node.isOpen ? node.y - node.height / 2 : node.y);

function walk(event) {
  const way = WAYS[event.key];
  const from = graph.node(event.target.dataset?.id);
  if (!way || !from || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [dx, dy] = way;
  const near = new Set(graph.neighbors(from.id));
  const [next] = links()
    .map((link) => ({ link, node: graph.node(link.dataset.id) }))
    .map(({ link, node }) => {
      const [right, down] = [node.x - from.x, top(node) - top(from)];
      const ahead = right * dx + down * dy;
      const aside = Math.abs(right * dy) + Math.abs(down * dx);
      return { link, ahead, far: (ahead + 2 * aside) * (near.has(node.id) ? 0.5 : 1) };
    })
    .filter(({ link, ahead }) => link !== event.target && ahead > 8)
    .sort((one, other) => one.far - other.far);
  next?.link.focus();
}

// -- events

form.classList.add("drawn");
showFolds();
draw();
choose([...graph.nodes()].find((id) => graph.node(id).href === location.hash) ?? "");
canvas.addEventListener("click", (event) => {
  const link = event.target.closest("a.n");
  if (!link) return;
  event.preventDefault();
  choose(link.dataset.id);
  form.querySelector(".is-chosen")?.scrollIntoView({ block: "nearest" });
});
canvas.addEventListener("focusin", ({ target: { dataset } }) => dataset.id && choose(dataset.id));
canvas.addEventListener("keydown", walk);
form.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fold]");
  if (button) fold(button);
  const asked = event.target.closest("[data-zoom]");
  if (asked) {
    zoom = asked.dataset.zoom;
    scale();
  }
});
form.addEventListener("drafted", mark);
form.addEventListener("happened", mark);
new ResizeObserver(scale).observe(canvas);
