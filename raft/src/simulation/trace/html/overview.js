// The whole, small: where one is, and where to go.

class Overview {
  constructor(canvas, diagram) {
    Object.assign(this, { canvas, diagram, pen: canvas.getContext("2d") });
  }

  draw() {
    const { canvas, pen, diagram } = this;
    const { layout, view, colors } = diagram;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const whole = layout.end + (layout.isTrueToTime ? 0 : 1) || 1;
    const y = (place) => (place / whole) * height;
    const yOf = (order) => y(layout.places[Math.min(order, layout.places.length - 1)] ?? 0);
    const bar = (x, wide, from, to, color) => {
      pen.fillStyle = color;
      pen.fillRect(x, yOf(from), wide, Math.max(1, yOf(to) - yOf(from)));
    };
    if (layout.kinds.has("fault")) {
      const { faults } = layout.story;
      for (const { from, to, lane } of faults) bar(2 + lane * 3, 2, from, to, colors["fault-edge"]);
    }
    const column = (width - 18) / Math.max(1, layout.columns.length);
    layout.columns.forEach((node, place) => {
      for (const { from, to, isDown, role } of layout.story.lifelines.get(node)) {
        if (!isDown) bar(16 + column * (place + 0.25), column / 2, from, to, colors[role]);
      }
    });
    for (const order of view.matches.slice(0, 2000)) bar(0, width, order, order, colors.paused);
    for (const record of layout.story.records.slice(-50)) {
      if (record.kind === "violation") {
        pen.fillStyle = colors.bad;
        pen.fillRect(0, Math.min(height - 3, yOf(record.order) - 1), width, 3);
      }
    }
    pen.strokeStyle = colors.accent;
    pen.lineWidth = 2;
    pen.strokeRect(1, y(view.top), width - 2, Math.max(4, y(diagram.span)));
  }

  /** The place that a height stands for. */
  placeAt(y) {
    const { layout } = this.diagram;
    return (y / this.canvas.clientHeight) * (layout.end || 1);
  }
}
