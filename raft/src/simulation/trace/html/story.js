// The records as a story: messages with both their ends, lifelines, faults with their ends, clients' requests.

/** What can be shown or hidden, and what it is called. */
const KINDS = {
  election: "elections",
  append: "appends",
  heartbeat: "heartbeats",
  snapshot: "snapshots",
  forward: "forwards, reads",
  role: "roles",
  log: "log",
  process: "processes",
  client: "clients",
  fault: "faults",
};

/** What a message is about, by its first word. */
const TOPICS = {
  PreVoteRequest: "election", PreVoteResponse: "election", VoteRequest: "election", VoteResponse: "election",
  TransferRequest: "election", TimeoutNow: "election",
  AppendRequest: "append", AppendAccepted: "append", AppendRejected: "append", CommitNotice: "append",
  Heartbeat: "heartbeat", HeartbeatResponse: "heartbeat",
  SnapshotRequest: "snapshot",
  Propose: "forward", ProposeRefused: "forward", ReadIndex: "forward", ReadIndexResponse: "forward",
};

/** The kinds of the records that are no messages. */
const KIND_OF = {
  role: "role", committed: "log", applied: "log", durable: "log", snapshot: "snapshot",
  started: "process", stopped: "process", paused: "process",
  client: "client", action: "fault", violation: "violation",
};

const ARRIVED = "arrived";

/** Turns the data into what the diagram and the list are made of. Records are named by their order. */
function tell(data) {
  const story = {
    ...data,
    messages: [],
    lifelines: new Map(data.nodes.map((node) => [node, []])),
    faults: [],
    requests: [],
    // For each record, how far the messages reach that were sent up to it.
    reach: new Int32Array(data.records.length),
  };
  const tellers = [tellMessages(story), tellLifelines(story), tellFaults(story), tellRequests(story)];
  data.records.forEach((record, order) => {
    record.order = order;
    record.kind = KIND_OF[record.what];
    for (const teller of tellers) teller.record(record);
    record.line = lineOf(record);
  });
  for (const teller of tellers) teller.end?.(data.records.length - 1);
  return story;
}

/** Joins the two ends of each message. */
function tellMessages(story) {
  const underWay = new Map();
  return {
    record(record) {
      if (record.what === "sent") {
        const name = record.text.split(" ")[3] ?? "";
        const kind = TOPICS[name] ?? "forward";
        const { order: sent, node: from, to, number, text } = record;
        const message = { number, from, to, text, name, kind, sent, ended: null, fate: "under way" };
        underWay.set(number, message);
        story.messages.push(message);
        Object.assign(record, { message, kind });
      } else if (record.what === "ended") {
        const message = underWay.get(record.number);
        underWay.delete(record.number);
        // It was sent before anything was kept.
        if (!message) record.kind = "forward";
        else {
          Object.assign(message, { ended: record.order, fate: record.fate });
          Object.assign(record, { message, kind: message.kind });
        }
      }
    },
    end(last) {
      let reach = 0;
      let next = 0;
      for (let order = 0; order <= last; order++) {
        for (; next < story.messages.length && story.messages[next].sent <= order; next++) {
          reach = Math.max(reach, story.messages[next].ended ?? last);
        }
        story.reach[order] = reach;
      }
    },
  };
}

/** What each node is from when to when: up or down, its role and term, standing still. */
function tellLifelines(story) {
  const present = new Map();
  const change = (node, order, difference) => {
    const line = story.lifelines.get(node);
    const before = present.get(node) ?? { isDown: true, isPaused: false, role: "follower", term: 0, from: 0 };
    if (order > before.from) line.push({ ...before, to: order });
    present.set(node, { ...before, ...difference, from: order });
  };
  return {
    record({ what, node, order, role, term, leader, on }) {
      if (what === "started") change(node, order, { isDown: false, isPaused: false, role: "follower" });
      else if (what === "stopped") change(node, order, { isDown: true });
      else if (what === "paused") change(node, order, { isPaused: on });
      else if (what === "role") change(node, order, { role, term, leader });
    },
    end(last) {
      for (const node of story.nodes) change(node, last + 1, {});
    },
  };
}

/** Faults and what operators do: `#3 …` begins, `#3 ends`. */
function tellFaults(story) {
  const open = new Map();
  const lanes = [];
  return {
    record(record) {
      if (record.what !== "action") return;
      const [, number, words] = record.text.match(/^#(\d+) (.*)$/s) ?? [null, null, record.text];
      const fault = open.get(number);
      if (fault && words === "ends") {
        fault.to = record.order;
        open.delete(number);
        lanes[fault.lane] = null;
      } else if (fault) {
        fault.steps.push(record.order);
        if (words.startsWith("is not done")) fault.text += ` (${words.slice(3)})`;
      } else {
        const lasts = / for [\d.]+/.test(words);
        const free = lanes.findIndex((taken) => !taken);
        const lane = !lasts ? 0 : free < 0 ? lanes.length : free;
        const begun = { number, text: words, from: record.order, to: null, lasts, lane, steps: [] };
        story.faults.push(begun);
        if (number !== null) open.set(number, begun);
        if (lasts) lanes[lane] = begun;
      }
    },
    end(last) {
      story.faultLanes = Math.max(1, lanes.length);
      // What has no end and lasts is on to the end.
      for (const fault of story.faults) fault.to ??= fault.lasts ? last : fault.from;
    },
  };
}

/** Each client has one request at a time. */
function tellRequests(story) {
  const asked = new Map();
  return {
    record(record) {
      if (record.what !== "client") return;
      const { client, node, order, text } = record;
      const [, outcome] = text.match(/^(?:command|query) (done|refused|unknown)/) ?? [];
      const request = asked.get(client);
      if (outcome && request) {
        Object.assign(request, { to: order, outcome, answer: text });
        asked.delete(client);
        record.request = request;
      } else {
        record.request = { client, node, from: order, to: null, outcome: "under way", text };
        asked.set(client, record.request);
        story.requests.push(record.request);
      }
    },
    end(last) {
      story.clients = Math.max(story.clients, ...story.requests.map(({ client }) => client + 1));
      for (const request of story.requests) request.to ??= last;
    },
  };
}

/** A record in words. */
function lineOf(record) {
  const { what, message } = record;
  switch (what) {
    case "sent": return record.text;
    case "ended":
      if (!message) return `message #${record.number}: ${record.fate}`;
      if (record.fate === ARRIVED) return `receives ${message.text}`;
      return `${message.text.replace("→", "↛")} (${record.fate})`;
    case "role": {
      const leader = record.leader ? `n${record.leader} leads` : "no leader";
      return `${record.role} in term ${record.term}, ${leader}`;
    }
    case "started": return "started";
    case "stopped": return `stopped: ${record.text}`;
    case "paused": return record.on ? "stands still" : "goes on";
    case "client": return `client ${record.client} ${record.text}`;
    case "action": return record.text;
    case "violation": return record.text;
    default: return `${what} ${record.index}`;
  }
}

/** The state of each node after a record: what was last seen of it. */
function statesAfter(story, last) {
  const states = new Map(story.nodes.map((node) => [node, { role: "down", term: 0 }]));
  for (let order = 0; order <= last; order++) {
    const { node, what, role, term, leader, on, index } = story.records[order];
    const state = states.get(node);
    if (!state) continue;
    if (what === "started") Object.assign(state, { role: "follower", leader: null });
    else if (what === "stopped") Object.assign(state, { role: "down", leader: null });
    else if (what === "paused") state.isPaused = on;
    else if (what === "role") Object.assign(state, { role, term, leader });
    else if (index !== undefined) state[what] = index;
  }
  return states;
}

function seconds(micros) {
  return (micros / 1e6).toFixed(6);
}
