// The records in words, beside the diagram: only the rows that can be seen are made.

class List {
  constructor(element, layout, view, choose) {
    Object.assign(this, { element, layout, view });
    this.space = element.querySelector("#space");
    this.rows = element.querySelector("#rows");
    this.rows.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) choose(Number(row.dataset.order));
    });
  }

  /** The row at the top, with its fraction. */
  get top() {
    return this.element.scrollTop / ROW;
  }

  set top(row) {
    this.measure();
    this.element.scrollTop = Math.max(0, row * ROW);
  }

  /** Makes it so high that the last row can come to the top. */
  measure() {
    this.space.style.height = `${this.layout.shown.length * ROW + this.element.clientHeight - ROW}px`;
  }

  get count() {
    return Math.ceil(this.element.clientHeight / ROW) + 1;
  }

  draw() {
    const { layout, element } = this;
    this.measure();
    const first = Math.floor(this.top);
    const orders = layout.shown.slice(first, first + this.count);
    this.rows.replaceChildren(...orders.map((order) => this.row(layout.story.records[order])));
    this.rows.style.transform = `translateY(${-(element.scrollTop % ROW)}px)`;
  }

  row(record) {
    const { view, layout } = this;
    const row = document.createElement("div");
    row.className = "row";
    row.dataset.order = record.order;
    row.title = record.line;
    const chosen = layout.story.records[view.selected];
    const classes = {
      selected: record.order === view.selected,
      other: record !== chosen && record.message !== undefined && record.message === chosen?.message,
      match: isAmong(view.matches, record.order),
      violation: record.kind === "violation",
      lost: record.what === "ended" && record.fate !== ARRIVED,
    };
    for (const [name, is] of Object.entries(classes)) row.classList.toggle(name, is);
    row.style.borderLeftColor = `var(--${record.kind === "fault" ? "fault-edge" : record.kind})`;
    const where = record.node === undefined ? "–" : `n${record.node}`;
    row.append(cell("at", seconds(record.at)), cell("node", where), cell("words", record.line));
    return row;
  }
}

function cell(name, text) {
  const span = document.createElement("span");
  span.className = name;
  span.textContent = text;
  return span;
}

function isAmong(sorted, order) {
  return sorted[lowerBound(sorted, order)] === order;
}
