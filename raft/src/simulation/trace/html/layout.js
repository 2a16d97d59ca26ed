// What is shown, and where: each record has a place along the time axis.

/** How high a row of the list is, and a step of the diagram at first, in pixels. */
const ROW = 20;

class Layout {
  constructor(story) {
    this.story = story;
    this.kinds = new Set(Object.keys(KINDS));
    this.nodes = new Set(story.nodes);
    this.isTrueToTime = false;
    this.rebuild();
  }

  /** Whether a record is shown. */
  shows(record) {
    if (record.kind === "violation") return true;
    if (!this.kinds.has(record.kind)) return false;
    if (record.message) return this.nodes.has(record.message.from) && this.nodes.has(record.message.to);
    return record.node === undefined || this.nodes.has(record.node);
  }

  /** Gives each record its place: the number of those shown before it, or its time. */
  rebuild() {
    const { records } = this.story;
    /** The orders of the records that are shown. */
    this.shown = [];
    this.places = new Float64Array(records.length);
    /** For each record, the row of the list that it stands in, or that stands before it. */
    this.rows = new Int32Array(records.length);
    for (const record of records) {
      const { order } = record;
      if (this.shows(record)) this.shown.push(order);
      this.rows[order] = Math.max(0, this.shown.length - 1);
      this.places[order] = this.isTrueToTime ? record.at : this.rows[order];
    }
    this.columns = this.story.nodes.filter((node) => this.nodes.has(node));
    this.end = records.length === 0 ? 0 : this.places[records.length - 1];
  }

  /** The first record at this place or after it. */
  orderAt(place) {
    let [low, high] = [0, this.places.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.places[middle] < place) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, Math.max(0, this.places.length - 1));
  }

  /** The time at a place. */
  timeAt(place) {
    const { records } = this.story;
    if (records.length === 0 || place > this.end) return null;
    return this.isTrueToTime ? place : records[this.shown[Math.max(0, Math.floor(place))] ?? 0].at;
  }

  /** Those messages of which something may lie between two records. */
  * messagesBetween(first, last) {
    const { messages, reach } = this.story;
    // The first record from which a message reaches so far.
    let [low, high] = [0, first];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (reach[middle] < first) low = middle + 1;
      else high = middle;
    }
    for (let next = firstSentFrom(messages, low); next < messages.length; next++) {
      const message = messages[next];
      if (message.sent > last) return;
      const isSeen = (message.ended ?? last) >= first && this.kinds.has(message.kind);
      if (isSeen && this.nodes.has(message.from) && this.nodes.has(message.to)) yield message;
    }
  }
}

/** Where in the messages those begin that were sent from this record on. */
function firstSentFrom(messages, order) {
  let [low, high] = [0, messages.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (messages[middle].sent < order) low = middle + 1;
    else high = middle;
  }
  return low;
}
