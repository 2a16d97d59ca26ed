// Mouse, keys, search: what is looked at.

const story = tell(JSON.parse(document.getElementById("data").textContent));
const layout = new Layout(story);
const view = {
  /** The place at the top of the diagram. */
  top: 0,
  /** How many pixels a place takes. */
  scale: ROW,
  /** How far the nodes are moved aside, in pixels. */
  aside: 0,
  /** The record that was chosen, and the message that the mouse points at. */
  selected: null,
  hovered: null,
  /** The records that the search has found. */
  matches: [],
};
const element = (id) => document.getElementById(id);
const canvas = element("canvas");
const diagram = new Diagram(canvas, layout, view);
const overview = new Overview(element("map"), diagram);
const list = new List(element("list"), layout, view, (order) => select(order));

// Drawing: once a frame, however much has changed.

let isPlanned = false;
function draw() {
  if (isPlanned) return;
  isPlanned = true;
  requestAnimationFrame(() => {
    isPlanned = false;
    diagram.draw();
    overview.draw();
    list.draw();
  });
}

/** Moves the diagram, and the list with it. */
function moveTo(top) {
  view.top = Math.max(layout.isTrueToTime ? -20 / view.scale : 0, Math.min(top, layout.end));
  element("tip").hidden = true;
  const row = layout.isTrueToTime ? layout.rows[layout.orderAt(view.top)] : view.top;
  if (Math.abs(list.top - row) * ROW >= 1) {
    isListMoved = true;
    list.top = row;
  }
  draw();
}

/** Whether the list was moved by the diagram, which need not follow it then. */
let isListMoved = false;
list.element.addEventListener("scroll", () => {
  if (isListMoved) isListMoved = false;
  else {
    const row = Math.min(list.top, layout.shown.length - 1);
    view.top = layout.isTrueToTime ? layout.places[layout.shown[Math.floor(row)]] ?? 0 : row;
  }
  draw();
});

/** Brings a record into sight, if it is not: so far down, as a part of what can be seen. */
function reveal(order, part = 0.4) {
  const seen = Math.min(diagram.span, layout.isTrueToTime ? Infinity : list.element.clientHeight / ROW);
  const depth = layout.places[order] - view.top;
  const isInList = Math.abs(layout.rows[order] - list.top - list.count / 2) < list.count / 2 - 2;
  if (depth < seen * 0.06 || depth > seen * 0.9 || !isInList) moveTo(layout.places[order] - seen * part);
}

function select(order, part) {
  if (order === null || !story.records[order]) return;
  view.selected = order;
  history.replaceState(null, "", `#${order}`);
  showRecord(order);
  reveal(order, part);
  draw();
}

/** Makes everything larger or smaller about a height of the diagram. */
function zoom(factor, y = HEAD + (diagram.height - HEAD) * 0.4) {
  const place = diagram.placeAt(y);
  const whole = (diagram.height - HEAD) / (layout.end + 1);
  const largest = layout.isTrueToTime ? 2 : 60;
  view.scale = Math.max(Math.min(whole, largest), Math.min(view.scale * factor, largest));
  moveTo(place - (y - HEAD) / view.scale);
}

/** One step a record, or true to time. */
function setTrueToTime(is) {
  const order = view.selected ?? layout.orderAt(view.top + diagram.span * 0.4);
  layout.isTrueToTime = is;
  layout.rebuild();
  // 50 ms, about as high as the diagram.
  view.scale = is ? (diagram.height - HEAD) / 50_000 : ROW;
  element("time").textContent = is ? "time: true" : "time: by steps";
  moveTo(layout.places[order] - diagram.span * 0.4);
}

/** After what is shown has changed. */
function relayout() {
  const order = view.selected ?? layout.orderAt(view.top);
  const depth = (layout.places[order] ?? 0) - view.top;
  layout.rebuild();
  find(element("search").value, false);
  moveTo((layout.places[order] ?? 0) - depth);
}

// Search.

/** Finds the shown records that contain all of these words. */
function find(text, jumps) {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const contains = (order) => {
    const { node, line } = story.records[order];
    const all = `${node === undefined ? "" : `n${node} `}${line}`.toLowerCase();
    return words.every((word) => all.includes(word));
  };
  view.matches = words.length === 0 ? [] : layout.shown.filter(contains);
  if (jumps && view.matches.length > 0) {
    const next = lowerBound(view.matches, view.selected ?? layout.orderAt(view.top));
    select(view.matches[next % view.matches.length]);
  }
  showMatches(words.length > 0);
  draw();
}

function showMatches(isSearching) {
  const { matches, selected } = view;
  const isAtOne = selected !== null && isAmong(matches, selected);
  const place = isAtOne ? `${lowerBound(matches, selected) + 1} of ` : "";
  const found = matches.length === 0 ? "nothing" : `${place}${matches.length}`;
  element("matches").textContent = isSearching ? found : "";
}

/** To the next match, or the one before. */
function step(direction) {
  const { matches } = view;
  if (matches.length === 0) return;
  const here = view.selected ?? -1;
  const next = direction > 0 ? lowerBound(matches, here + 1) : lowerBound(matches, here) - 1;
  select(matches[(next + matches.length) % matches.length]);
  showMatches(true);
}

// Buttons and keys.

function toViolation() {
  const last = story.records.findLast(({ kind }) => kind === "violation");
  // With all that led to it.
  if (last) select(last.order, 0.8);
}

/** A button that takes something in or out of a set of what is shown. */
function toggle(parent, set, name, text, color, count) {
  const dot = node("span");
  dot.className = "dot";
  dot.style.background = color;
  const button = node("button", dot, text, node("small", `${count}`));
  const show = () => button.setAttribute("aria-pressed", set.has(name));
  button.addEventListener("click", () => {
    if (!set.delete(name)) set.add(name);
    show();
    relayout();
  });
  show();
  parent.append(button);
}

function makeButtons() {
  const counts = new Map();
  for (const { kind, node: at } of story.records) {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    counts.set(at, (counts.get(at) ?? 0) + 1);
  }
  for (const [kind, text] of Object.entries(KINDS)) {
    if (counts.has(kind)) {
      const color = `var(--${kind === "fault" ? "fault-edge" : kind})`;
      toggle(element("kinds"), layout.kinds, kind, text, color, counts.get(kind));
    }
  }
  for (const id of story.nodes) {
    toggle(element("nodes"), layout.nodes, id, `n${id}`, "var(--text)", counts.get(id) ?? 0);
  }
}

const KEYS = {
  "+": () => zoom(1.4),
  "=": () => zoom(1.4),
  "-": () => zoom(1 / 1.4),
  "t": () => setTrueToTime(!layout.isTrueToTime),
  "/": () => element("search").select(),
  "n": () => step(1),
  "N": () => step(-1),
  "v": toViolation,
  "?": showWhole,
  "Escape": showWhole,
  "Home": () => moveTo(0),
  "End": () => moveTo(layout.end - diagram.span * 0.9),
  "ArrowDown": () => selectBeside(1),
  "ArrowUp": () => selectBeside(-1),
  "PageDown": () => moveTo(view.top + diagram.span * 0.9),
  "PageUp": () => moveTo(view.top - diagram.span * 0.9),
};

function selectBeside(direction) {
  if (view.selected === null) return select(layout.shown[Math.floor(list.top)]);
  const row = lowerBound(layout.shown, view.selected) + direction;
  select(layout.shown[Math.max(0, Math.min(row, layout.shown.length - 1))]);
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target === element("search");
  if (isTyping && event.key === "Enter") step(event.shiftKey ? -1 : 1);
  else if (isTyping && event.key === "Escape") event.target.blur();
  else if (!isTyping && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});

element("search").addEventListener("input", ({ target }) => find(target.value, true));
element("previous").addEventListener("click", () => step(-1));
element("next").addEventListener("click", () => step(1));
element("time").addEventListener("click", () => setTrueToTime(!layout.isTrueToTime));
element("in").addEventListener("click", () => zoom(1.4));
element("out").addEventListener("click", () => zoom(1 / 1.4));
element("violation").addEventListener("click", toViolation);
element("about").addEventListener("click", showWhole);

// Mouse.

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 300), event.offsetY);
  else {
    moveAside(view.aside + event.deltaX + (event.shiftKey ? event.deltaY : 0));
    if (!event.shiftKey) moveTo(view.top + event.deltaY / view.scale);
  }
}, { passive: false });

function moveAside(aside) {
  const most = diagram.column * layout.columns.length - (diagram.right - diagram.left);
  view.aside = Math.max(0, Math.min(aside, most));
}

let dragged = null;
canvas.addEventListener("pointerdown", ({ offsetX: x, offsetY: y, pointerId }) => {
  dragged = { x, y, hasMoved: false };
  canvas.setPointerCapture(pointerId);
  canvas.focus();
});
canvas.addEventListener("pointermove", ({ offsetX: x, offsetY: y }) => {
  if (!dragged) return point(x, y);
  dragged.hasMoved ||= Math.hypot(x - dragged.x, y - dragged.y) > 3;
  if (!dragged.hasMoved) return;
  canvas.classList.add("dragged");
  moveAside(view.aside - (x - dragged.x));
  moveTo(view.top - (y - dragged.y) / view.scale);
  Object.assign(dragged, { x, y });
});
canvas.addEventListener("pointerup", ({ offsetX: x, offsetY: y }) => {
  canvas.classList.remove("dragged");
  const target = dragged?.hasMoved ? null : diagram.targetAt(x, y);
  dragged = null;
  if (target) select(target.record);
});
canvas.addEventListener("pointerleave", () => point(-100, -100));

/** Shows what the mouse points at. */
function point(x, y) {
  const target = diagram.targetAt(x, y);
  const tip = element("tip");
  const message = target?.message ?? null;
  if (message !== view.hovered) {
    view.hovered = message;
    draw();
  }
  canvas.classList.toggle("pointing", target !== null);
  tip.hidden = target === null;
  if (!target) return;
  const record = story.records[target.record];
  const fate = message ? `#${message.number}: ${message.fate}` : `${seconds(record.at)} s`;
  tip.replaceChildren(record.line, node("div", fate));
  tip.style.left = `${Math.max(4, Math.min(x + 14, diagram.width - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.min(y + 14, diagram.height - tip.offsetHeight - 8)}px`;
}

const goOnMap = ({ offsetY, buttons }) => {
  if (buttons & 1) moveTo(overview.placeAt(offsetY) - diagram.span / 2);
};
element("map").addEventListener("pointerdown", goOnMap);
element("map").addEventListener("pointermove", goOnMap);

// The beginning.

function begin() {
  const { violation, records, seed, profile, nodes } = story;
  const where = violation && violation.node !== null ? ` on n${violation.node}` : "";
  const broken = violation && `${violation.promise} is broken${where}: ${violation.message}`;
  document.title = violation ? `${violation.promise}, seed ${seed}` : `seed ${seed}`;
  document.querySelector("h1").textContent = broken ?? "No promise was broken";
  document.querySelector("header").classList.toggle("broken", violation !== null);
  const time = seconds(records.at(-1)?.at ?? 0);
  const planned = `${nodes.length} nodes, ${story.actions.length} planned actions`;
  const earlier = story.left_out > 0 ? `; ${story.left_out} earlier ones are in trace.txt` : "";
  const sizes = `${planned}, ${time} s, ${records.length} records${earlier}`;
  document.querySelector("#verdict p").textContent = `seed ${seed}, ${profile}, ${sizes}`;
  element("violation").hidden = violation === null;
  element("time").textContent = "time: by steps";
  makeButtons();
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    diagram.readColors();
    draw();
  });
  diagram.resize();
  showWhole();
  const named = Number(location.hash.slice(1));
  if (location.hash.length > 1 && records[named]) select(named);
  else toViolation();
}

begin();
