// What is told of the chosen record, or of the whole.

const HELP = [
  ["↑ ↓", "the record before, the next"],
  ["/", "search"],
  ["n N", "the next match, the one before"],
  ["+ −", "larger, smaller (or Ctrl and the wheel)"],
  ["t", "by steps, or true to time"],
  ["v", "to the violation"],
  ["Home End", "to the beginning, to the end"],
  ["Esc", "this"],
];

function node(tag, ...parts) {
  const made = document.createElement(tag);
  made.append(...parts);
  return made;
}

function link(text, order) {
  const made = node("a", text);
  made.addEventListener("click", () => select(order));
  return made;
}

function showRecord(order) {
  const record = story.records[order];
  const { message, request } = record;
  const parts = [node("h2", `${seconds(record.at)} s${record.node === undefined ? "" : `, n${record.node}`}`)];
  parts.push(node("p", record.line));
  if (message) {
    const end = story.records[message.ended];
    const took = end ? `after ${((end.at - story.records[message.sent].at) / 1000).toFixed(3)} ms` : "";
    const ends = end ? link(`${message.fate} ${took}`, message.ended) : message.fate;
    parts.push(node("p", `Message #${message.number}: `, link("sent", message.sent), ", ", ends));
  } else if (request) {
    const told = request.answer ? link(request.answer, request.to) : request.outcome;
    parts.push(node("p", `Client ${request.client}: `, link(request.text ?? "asks", request.from), ", ", told));
  }
  parts.push(node("h2", "The nodes then"), stateTable(order));
  element("details").replaceChildren(...parts);
}

function stateTable(order) {
  const names = ["node", "role", "term", "leader", "committed", "durable", "applied", "snapshot"];
  const table = node("table", node("tr", ...names.map((name) => node("th", name))));
  for (const [id, now] of statesAfter(story, order)) {
    const role = now.isPaused ? `${now.role}, stands still` : now.role;
    const leader = now.leader ? `n${now.leader}` : "–";
    const cells = [`n${id}`, role, now.term, leader, now.committed, now.durable, now.applied, now.snapshot];
    table.append(node("tr", ...cells.map((text) => node("td", `${text ?? "–"}`))));
  }
  return table;
}

function showWhole() {
  view.selected = null;
  const actions = story.actions.map(([at, text]) => node("li", `${seconds(at)} s: ${text}`));
  const row = (first, second) => node("tr", node("td", first), node("td", second));
  const counts = story.counts.map(([name, count]) => row(`${count}`, name));
  const keys = HELP.map(([key, what]) => row(node("kbd", key), what));
  const { violation } = story;
  element("details").replaceChildren(
    ...(violation ? [node("h2", `Broken: ${violation.promise}`), node("p", violation.message)] : []),
    node("h2", actions.length === 0 ? "Nothing was planned" : "What was planned"), node("ol", ...actions),
    node("h2", "Keys"), node("table", ...keys),
    node("h2", "How often"), node("table", ...counts),
  );
  draw();
}
