// Draws what can be seen of the story: time goes down, each node has a line.

const HEAD = 34;
const TIMES = 78;
const FAULTS = 140;
const CLIENT = 13;
const COLUMN_MIN = 96;
/** How many messages are drawn at once, about. */
const MESSAGES_MOST = 6000;
const FONT = "11px system-ui, 'DejaVu Sans', sans-serif";
/** The roles, each with a colour of its own name. */
const ROLES = ["leader", "candidate", "pre-candidate", "follower"];
const OUTCOMES = { done: "leader", refused: "follower", unknown: "bad", "under way": "paused" };

class Diagram {
  constructor(canvas, layout, view) {
    Object.assign(this, { canvas, layout, view, pen: canvas.getContext("2d"), colors: {} });
    this.readColors();
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    const surfaces = ["page", "panel", "line", "text", "muted", "accent", "bad", "match", "selected"];
    for (const name of [...surfaces, ...ROLES, "paused", ...Object.keys(KINDS), "fault-edge"]) {
      this.colors[name] = style.getPropertyValue(`--${name}`).trim();
    }
  }

  /** How many places can be seen. */
  get span() {
    return Math.max(1, (this.height - HEAD) / this.view.scale);
  }

  yOf(order) {
    const middle = this.layout.isTrueToTime ? 0 : this.view.scale / 2;
    return HEAD + (this.layout.places[order] - this.view.top) * this.view.scale + middle;
  }

  placeAt(y) {
    return this.view.top + (y - HEAD) / this.view.scale;
  }

  xOf(node) {
    return this.xs.get(node);
  }

  /** Takes up the size that the canvas has now. */
  resize() {
    const { canvas, layout } = this;
    const ratio = window.devicePixelRatio || 1;
    this.width = canvas.clientWidth;
    this.height = canvas.clientHeight;
    canvas.width = Math.round(this.width * ratio);
    canvas.height = Math.round(this.height * ratio);
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const clients = layout.kinds.has("client") ? Math.max(62, layout.story.clients * CLIENT + 16) : 0;
    this.left = TIMES + (layout.kinds.has("fault") ? FAULTS : 0);
    this.right = this.width - clients;
    const column = Math.max(COLUMN_MIN, (this.right - this.left) / Math.max(1, layout.columns.length));
    this.column = column;
    const xOf = (place) => this.left + column * (place + 0.5) - this.view.aside;
    this.xs = new Map(layout.columns.map((node, place) => [node, xOf(place)]));
  }

  draw() {
    const { pen, layout, view } = this;
    this.resize();
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.fillStyle = this.colors.page;
    pen.fillRect(0, 0, this.width, this.height);
    /** What the mouse can point at. */
    this.targets = [];
    /** Where labels stand already. */
    this.taken = [];
    const { records } = layout.story;
    if (records.length === 0) return this.drawHead();
    const first = Math.max(0, layout.orderAt(view.top - 2) - 1);
    const last = layout.orderAt(view.top + this.span + 2);
    this.drawSelection();
    this.drawFaults(first, last);
    this.drawTimes(first, last);
    if (layout.kinds.has("client")) this.drawRequests(first, last);
    this.drawMessages(first, last);
    this.drawLifelines(first, last);
    this.drawMarks(first, last);
    this.drawHead();
  }

  line(x1, y1, x2, y2, color, width = 1, dash = []) {
    const { pen } = this;
    pen.strokeStyle = color;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
    pen.setLineDash([]);
  }

  /** Writes something, unless something stands there. Whether it did. */
  label(text, x, y, color, align = "left", isStrong = false, widest = 400) {
    const { pen, taken } = this;
    pen.font = isStrong ? `600 ${FONT}` : FONT;
    const fitting = fit(pen, text, widest);
    const width = pen.measureText(fitting).width;
    const left = align === "left" ? x : align === "right" ? x - width : x - width / 2;
    const box = { left: left - 2, right: left + width + 2, top: y - 6.5, bottom: y + 6.5 };
    const isTaken = taken.some((other) => box.left < other.right && other.left < box.right
      && box.top < other.bottom && other.top < box.bottom);
    if (fitting === "" || isTaken) return false;
    taken.push(box);
    pen.globalAlpha = 0.85;
    pen.fillStyle = this.colors.page;
    pen.fillRect(box.left, box.top + 1, box.right - box.left, 11);
    pen.globalAlpha = 1;
    pen.fillStyle = color;
    pen.textAlign = "left";
    pen.fillText(fitting, left, y);
    return true;
  }

  drawSelection() {
    const { pen, view, layout } = this;
    const height = Math.max(2, layout.isTrueToTime ? 2 : view.scale);
    const band = (order, color) => {
      pen.fillStyle = color;
      pen.fillRect(0, this.yOf(order) - height / 2, this.width, height);
    };
    const { matches, selected } = view;
    const [first, last] = [layout.orderAt(view.top - 1), layout.orderAt(view.top + this.span + 1)];
    for (let next = lowerBound(matches, first); next < matches.length && matches[next] <= last; next++) {
      band(matches[next], this.colors.match);
    }
    if (selected !== null) band(selected, this.colors.selected);
  }

  drawFaults(first, last) {
    const { pen, layout, colors } = this;
    if (!layout.kinds.has("fault")) return;
    for (const fault of layout.story.faults) {
      if (fault.to < first || fault.from > last) continue;
      const [top, bottom] = [this.yOf(fault.from), Math.max(this.yOf(fault.to), this.yOf(fault.from) + 2)];
      const x = TIMES + 4 + fault.lane * 7;
      if (fault.lasts) {
        pen.fillStyle = colors.fault;
        pen.fillRect(x, top, this.right - x, bottom - top);
        pen.fillStyle = colors["fault-edge"];
        pen.fillRect(x, top, 4, bottom - top);
      } else {
        this.line(x, top, this.right, top, colors["fault-edge"], 1, [2, 4]);
      }
      this.targets.push({ record: fault.from, x1: x, y1: top, x2: x + FAULTS / 2, y2: top });
      const start = TIMES + 10 + (layout.story.faultLanes - 1) * 7;
      wrap(pen, fault.text, TIMES + FAULTS - start).forEach((line, number) => {
        this.label(line, start, Math.max(top + 2, HEAD + 8) + number * 13, colors["fault-edge"], "left", true);
      });
    }
  }

  drawTimes(first, last) {
    const { layout, view, colors } = this;
    const { records } = layout.story;
    let free = HEAD + 6;
    let before = null;
    for (let order = first; order <= last; order++) {
      if (!layout.shows(records[order])) continue;
      const [y, at] = [this.yOf(order), records[order].at];
      const gap = before === null ? 0 : at - before;
      before = at;
      // Where much time passes between two steps that stand side by side.
      if (!layout.isTrueToTime && gap >= 10_000 && view.scale >= 4) {
        const between = y - view.scale / 2;
        this.line(0, between, this.right, between, colors.line, 1, [1, 3]);
      }
      if (y < free) continue;
      this.label(seconds(at), TIMES - 8, y, colors.muted, "right");
      free = y + Math.max(16, Math.min(60, view.scale * 3));
    }
  }

  drawLifelines(first, last) {
    const { pen, layout, colors } = this;
    for (const node of layout.columns) {
      const x = this.xOf(node);
      for (const part of layout.story.lifelines.get(node)) {
        if (part.to < first || part.from > last) continue;
        const top = Math.max(HEAD, this.yOf(part.from));
        const bottom = Math.min(this.height, this.yOf(Math.min(part.to, layout.places.length - 1)));
        if (part.isDown) {
          this.line(x, top, x, bottom, colors.line, 2, [2, 6]);
          continue;
        }
        const width = part.role === "leader" ? 8 : 5;
        pen.fillStyle = colors[part.role];
        pen.globalAlpha = part.isPaused ? 0.35 : 1;
        pen.fillRect(x - width / 2, top, width, Math.max(1, bottom - top));
        pen.globalAlpha = 1;
        if (part.isPaused) this.line(x, top, x, bottom, colors.paused, 3, [3, 5]);
      }
    }
  }

  drawRequests(first, last) {
    const { pen, layout, view, colors } = this;
    for (const { client, node, from, to, outcome } of layout.story.requests) {
      if (to < first || from > last || !layout.nodes.has(node)) continue;
      const x = this.right + 12 + client * CLIENT;
      const [top, bottom] = [this.yOf(from), Math.max(this.yOf(to), this.yOf(from) + 2)];
      const color = colors[OUTCOMES[outcome]];
      if (view.scale >= 5 || layout.isTrueToTime) {
        this.line(x, top, this.xOf(node), top, colors.client, 0.6, [1, 3]);
        this.line(this.xOf(node), bottom, x, bottom, color, 0.6, [1, 3]);
      }
      pen.fillStyle = color;
      pen.fillRect(x - 3, top, 6, bottom - top);
      this.targets.push({ record: from, x1: x, y1: top, x2: x, y2: bottom });
    }
  }

  drawMessages(first, last) {
    const { layout, view } = this;
    const chosen = layout.story.records[view.selected]?.message;
    const isDense = (last - first) / this.height > 0.7;
    // Where more lie on one another than can be told apart, some stand for all. Those that are lost are all there.
    const every = Math.ceil((last - first) / MESSAGES_MOST);
    for (const message of layout.messagesBetween(first, last)) {
      const isChosen = message === chosen || message === view.hovered;
      const isDrawn = isChosen || message.number % every === 0 || message.fate !== ARRIVED;
      if (isDrawn) this.drawMessage(message, isChosen, isDense);
    }
  }

  drawMessage(message, isChosen, isDense) {
    const { colors } = this;
    const [x1, y1] = [this.xOf(message.from), this.yOf(message.sent)];
    const end = message.ended ?? message.sent;
    let [x2, y2] = [this.xOf(message.to), Math.max(this.yOf(end), y1)];
    const arrives = message.fate === ARRIVED;
    if (!arrives) [x2, y2] = [(x1 + x2) / 2, (y1 + y2) / 2];
    const color = colors[message.kind];
    this.pen.globalAlpha = isDense && !isChosen ? 0.35 : 1;
    this.line(x1, y1, x2, y2, color, isChosen ? 3 : isDense ? 0.7 : 1.3, arrives ? [] : [4, 3]);
    this.pen.globalAlpha = 1;
    this.targets.push({ record: message.sent, message, x1, y1, x2, y2 });
    if (isDense && !isChosen) return;
    if (arrives) this.arrowHead(x1, y1, x2, y2, color);
    else if (message.ended !== null) this.cross(x2, y2, colors.bad);
    if (this.view.scale >= 13 && !this.layout.isTrueToTime) {
      // In the row where it is sent, beside the sender's line: there nothing else is written.
      const words = message.text.split(" ").slice(3).join(" ");
      const [x, align] = x2 > x1 ? [x1 + 9, "left"] : [x1 - 9, "right"];
      this.label(words, x, y1 - 7, color, align, isChosen, this.column - 22);
    }
  }

  arrowHead(x1, y1, x2, y2, color) {
    const { pen } = this;
    const angle = Math.atan2(y2 - y1, x2 - x1);
    // It ends at the line's edge.
    const [x, y] = [x2 - 4 * Math.cos(angle), y2 - 4 * Math.sin(angle)];
    pen.fillStyle = color;
    pen.beginPath();
    pen.moveTo(x, y);
    for (const side of [-0.4, 0.4]) pen.lineTo(x - 8 * Math.cos(angle + side), y - 8 * Math.sin(angle + side));
    pen.fill();
  }

  cross(x, y, color) {
    this.line(x - 4, y - 4, x + 4, y + 4, color, 2);
    this.line(x - 4, y + 4, x + 4, y - 4, color, 2);
  }

  drawMarks(first, last) {
    const { layout } = this;
    const { records } = layout.story;
    for (let order = first; order <= last; order++) {
      const record = records[order];
      if (record.kind === "violation") this.drawViolation(record);
      else if (!record.message && record.node !== undefined && layout.shows(record)) this.drawMark(record);
    }
  }

  drawMark(record) {
    const { pen, colors, view } = this;
    const [x, y] = [this.xOf(record.node), this.yOf(record.order)];
    const dot = (color, radius) => {
      pen.fillStyle = color;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
      this.targets.push({ record: record.order, x1: x, y1: y, x2: x, y2: y });
    };
    switch (record.what) {
      case "role": {
        const color = colors[record.role];
        dot(color, 5);
        this.label(`${record.role}, term ${record.term}`, x + 9, y, color, "left", true, this.column - 22);
        break;
      }
      case "committed": case "applied": case "durable":
        this.line(x - 6, y, x, y, colors.log, 1.5);
        this.targets.push({ record: record.order, x1: x - 6, y1: y, x2: x, y2: y });
        if (view.scale >= 13 || (record.what === "committed" && view.scale >= 1.5)) {
          this.label(`${record.what} ${record.index}`, x - 9, y, colors.log, "right", false, this.column / 2);
        }
        break;
      case "snapshot":
        dot(colors.snapshot, 5);
        this.label(`snapshot ${record.index}`, x - 9, y, colors.snapshot, "right", true, this.column / 2);
        break;
      case "started":
        dot(colors.process, 4);
        this.label("started", x + 9, y, colors.process, "left", true, this.column / 2);
        break;
      case "stopped":
        this.cross(x, y, colors.bad);
        this.targets.push({ record: record.order, x1: x, y1: y, x2: x, y2: y });
        this.label(record.text, x + 9, y, colors.bad, "left", true, this.column - 22);
        break;
      case "paused":
        dot(colors.paused, 4);
        this.label(record.line, x + 9, y, colors.process, "left", true, this.column / 2);
        break;
    }
  }

  drawViolation(record) {
    const { pen, colors } = this;
    const y = this.yOf(record.order);
    this.line(0, y, this.width, y, colors.bad, 3);
    if (record.node !== undefined && this.xs.has(record.node)) {
      pen.strokeStyle = colors.bad;
      pen.lineWidth = 3;
      pen.beginPath();
      pen.arc(this.xOf(record.node), y, 11, 0, 2 * Math.PI);
      pen.stroke();
    }
    this.targets.push({ record: record.order, x1: 0, y1: y, x2: this.width, y2: y });
    const promise = this.layout.story.violation?.promise ?? "a promise";
    this.label(`✖ ${promise} is broken`, TIMES + 8, y + 12, colors.bad, "left", true);
  }

  drawHead() {
    const { pen, layout, colors, view } = this;
    pen.fillStyle = colors.panel;
    pen.fillRect(0, 0, this.width, HEAD);
    this.line(0, HEAD - 0.5, this.width, HEAD - 0.5, colors.line);
    this.taken = [];
    const write = (text, x, align, isStrong, color) => {
      pen.font = isStrong ? "600 13px system-ui, 'DejaVu Sans', sans-serif" : FONT;
      pen.fillStyle = color;
      pen.textAlign = align;
      pen.fillText(text, x, HEAD / 2);
      return pen.measureText(text).width;
    };
    write("seconds", TIMES - 8, "right", false, colors.muted);
    if (layout.kinds.has("fault")) write("faults, operators", TIMES + 10, "left", false, colors.muted);
    const top = layout.orderAt(view.top);
    for (const node of layout.columns) {
      const part = layout.story.lifelines.get(node).find(({ from, to }) => from <= top && top < to);
      const x = this.xOf(node);
      const state = !part || part.isDown ? "down" : `${part.role}, term ${part.term}`;
      const width = write(`n${node}`, x - 5, "right", true, colors.text);
      const color = part && !part.isDown ? colors[part.role] : colors.muted;
      if (this.column > width + 110) write(state, x + 2, "left", false, color);
    }
    if (layout.kinds.has("client") && this.right < this.width) {
      write("clients", this.right + 6, "left", false, colors.muted);
    }
  }

  /** What the mouse points at, if anything. */
  targetAt(x, y) {
    let best = null;
    let nearest = 7;
    for (const target of this.targets ?? []) {
      const distance = distanceTo(target, x, y);
      // Marks are small and lie on lines: they come first.
      const favoured = target.message ? distance + 2 : distance;
      if (distance < 7 && favoured < nearest) [best, nearest] = [target, favoured];
    }
    return best;
  }
}
