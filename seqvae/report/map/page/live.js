// With the model behind it: clicks, paths, analogs, groups, lists and objectives are asked of `seqvae explore`.

/** Asks the server; returns its answer, or says why there is none. */
async function ask(what, fields) {
  document.body.classList.add("busy");
  try {
    const sent = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(fields) };
    const reply = await fetch(`api/${what}`, sent);
    const found = await reply.json().catch(() => ({ error: `the server refused: ${reply.status}` }));
    if (found.error) throw new Error(found.error);
    return found;
  } catch (error) {
    say(error instanceof TypeError ? "seqvae explore has ended: start it again" : error.message);
    throw error;
  } finally {
    document.body.classList.remove("busy");
  }
}

/** Returns a card of what the model made: structure or letters, a title, and facts. */
function madeCard(one, title, facts, buttons = [], beside = "", shares = null) {
  const picture = !meta.molecular ? lettersOf(one.text, beside, shares)
    : one.drawing ? pictureOf(one.drawing)
      : one.valid ? drawnHere(one.text) : element("div", { class: "text" }, one.text || "(empty)");
  const list = element("dl");
  for (const [name, value] of facts) {
    const text = typeof value === "number" ? shown(value) : value;
    if (text !== null && text !== undefined && text !== "") list.append(element("dt", {}, name), element("dd", {}, text));
  }
  const caption = element("figcaption", {}, element("strong", {}, title));
  if (meta.molecular) caption.append(copyable(one.text));
  if (one.valid === false) caption.append(element("span", { class: "badge other" }, `no ${meta.noun}`));
  caption.append(list, element("div", { class: "tools" }, ...buttons));
  return element("figure", { class: "card" }, picture, caption);
}

const button = (title, onclick, attributes = {}) => element("button", { type: "button", onclick, ...attributes }, title);

const STEPS = 12; // of a path

const live = {
  ends: {}, // of the path: {first: {end, x, y}, last: ...}
  groups: {}, // rows of A and B
  placed: [], // of a pasted list: {name, place}
  here: null,
  steps: [],
  drawn: null, // a path that is being dragged: {first, last}

  start() {
    this.showPath();
    this.showGroups();
    byId("paste").addEventListener("submit", (event) => {
      event.preventDefault();
      this.paste();
    });
    byId("objective").addEventListener("submit", (event) => {
      event.preventDefault();
      this.colour();
    });
  },

  async clicked(row, [x, y]) {
    if (row >= 0) [x, y] = [app.place[2 * row], app.place[2 * row + 1]];
    const turn = (this.turn = (this.turn || 0) + 1);
    const started = performance.now();
    this.marker = [x, y];
    this.placeMark(); // alone: nothing else has changed, and to draw a canvas takes a part of the answer's time
    const one = row >= 0 ? await this.known(row) : await ask("at", { x, y });
    if (turn !== this.turn) return;
    const line = this.elsewhere();
    this.here = { ...one, row, x, y };
    this.clickTime = performance.now() - started;
    document.body.dataset.clicked = String(turn);
    await this.showHere();
    if (line || this.elsewhere()) drawAbove();
  },

  /** Returns where the text that was decoded is encoded, if that is elsewhere. */
  elsewhere() {
    return this.here?.again && !this.here.returns ? this.here.again : null;
  },

  async known(row) {
    const { near } = await ask("near", { row });
    return { text: await textOf(row), valid: true, properties: {}, near };
  },

  async showHere() {
    const one = this.here;
    const end = one.row >= 0 ? [one.row] : [one.x, one.y];
    const name = one.row >= 0 ? (await nameOf(one.row)) || `row ${one.row + 1}` : "decoded here";
    const facts = [
      ...Object.entries(one.properties), ["log p(x|z), nats", one.log_likelihood], ["log p(x), bound", one.log_p],
      ["encoded here again", one.returns === undefined ? null : one.returns ? "yes" : "no, elsewhere"],
    ];
    const near = one.near.length ? await textOf(one.near[0].row) : "";
    if (one.row >= 0) {
      for (const column of meta.columns) facts.push([column.title, (await cellsOf(column))(one.row)]);
      if (meta.drawings) one.drawing = await drawnBefore("drawings", one.row, meta.drawings.chunk);
    }
    const card = madeCard(one, name, facts, [
      button("50 analogs", () => this.analogs(one.text), { id: "analogs", disabled: !one.valid }),
      button("Path from here", () => this.setEnd("first", end, one)),
      button("Path to here", () => this.setEnd("last", end, one)),
    ], near, one.certainty);
    if (one.certainty) {
      const said = `Bars: the probability of each ${meta.unit}. Marked: where it differs from the nearest known one.`;
      card.append(element("p", { class: "about" }, said));
    }
    const parts = [card];
    if (one.near.length) {
      const rows = [];
      for (const known of one.near) {
        const show = () => this.clicked(known.row, []);
        rows.push(element("tr", {},
          element("td", {}, button((await nameOf(known.row)) || `row ${known.row + 1}`, show)),
          element("td", { class: "number" }, known.similarity === null ? "" : known.similarity.toFixed(2)),
          element("td", { class: "number" }, shown(known.distance))));
      }
      const like = meta.molecular ? "Tanimoto" : "similarity";
      const head = element("tr", {}, element("th", {}, "nearest known"), element("th", { class: "number" }, like), element("th", { class: "number" }, "distance"));
      parts.push(element("table", { class: "near" }, element("thead", {}, head), element("tbody", {}, ...rows)));
    }
    byId("here").replaceChildren(...parts);
  },

  setEnd(which, end, one) {
    this.ends[which] = { end, text: one.text, x: one.x, y: one.y };
    this.showPath();
    draw();
  },

  /** Returns the end of a path at a pixel: the row that is shown there, or else the place. */
  endAt(here) {
    const row = rowAt(...here, 12);
    const [x, y] = row >= 0 ? [app.place[2 * row], app.place[2 * row + 1]] : app.view.toPlace(...here);
    return { end: row >= 0 ? [row] : [x, y], row, x, y };
  },

  startPath(here) {
    const first = this.endAt(here);
    this.drawn = { first, last: first };
  },

  /** Walks the path that was dragged; one that is hardly longer than a click sets one of its ends alone. */
  async endPath(here, far) {
    const { first } = this.drawn;
    this.drawn = null;
    if (!far) return clicked(-1, here, false);
    this.ends = { first: await this.named(first), last: await this.named(this.endAt(here)) };
    return this.walk();
  },

  /** Takes a click, or Enter, as the start of a path, and the next one as its end. */
  async clickPath(here) {
    const one = await this.named(this.endAt(here));
    if (!this.ends.first || this.ends.last) {
      this.ends = {};
      this.steps = [];
      this.setEnd("first", one.end, one);
      return;
    }
    this.setEnd("last", one.end, one);
    await this.walk();
  },

  async named(one) {
    return { ...one, text: one.row >= 0 ? await textOf(one.row) : "" };
  },

  forgetPath() {
    Object.assign(this, { ends: {}, steps: [], drawn: null });
    if (document.body.dataset.ready === "all") this.showPath();
  },

  showPath() {
    const { first, last } = this.ends;
    const short = (end) => (end ? (end.text.length > 30 ? `${end.text.slice(0, 29)}…` : end.text || "a place between") : "not chosen yet");
    const go = button("Walk", () => this.walk(), { id: "walk", disabled: !(first && last) });
    byId("path").replaceChildren(
      element("dl", {}, element("dt", {}, "from"), element("dd", {}, short(first)), element("dt", {}, "to"), element("dd", {}, short(last))),
      element("div", { class: "tools" }, go),
      element("p", { class: "about" }, "Drag one on the map with the button Path above it (key p), or choose its ends on cards."),
    );
  },

  async walk() {
    const { rows } = await ask("path", { first: this.ends.first.end, last: this.ends.last.end, steps: STEPS });
    this.steps = rows.map((one) => one.place);
    this.ends.first.text ||= rows[0].text;
    this.ends.last.text ||= rows.at(-1).text;
    this.showPath();
    const titles = rows.map(({ steps: [a, b] }) => (a === b ? `step ${a}` : `steps ${a} to ${b}`));
    const count = rows.length === 1 ? `one ${meta.noun}` : `${rows.length} different ${meta.noun}s`;
    const title = `Path: ${count} in ${STEPS} equal steps`;
    if (meta.molecular) {
      const cards = rows.map((one, i) => madeCard(one, titles[i], [
        ...Object.entries(one.properties), ["similarity to the start", one.similarity[0]], ["to the end", one.similarity[1]],
      ]));
      this.results(title, element("div", { class: "cards" }, ...cards));
    } else {
      const like = ({ similarity: [a, b] }) => (a === undefined ? "" : `similarity to the start ${a.toFixed(2)}, to the end ${b.toFixed(2)}`);
      this.results(title, alignment(rows.map((one) => one.text), rows.map((one, i) => `${titles[i]}, ${like(one)}`)));
    }
    draw();
  },

  async analogs(text) {
    say("proposing analogs …");
    const found = await ask("analogs", { text, number: 50 });
    say("");
    this.placed = found.rows.map((one) => ({ name: "", place: one.place }));
    const titles = ["similarity", "log_likelihood", "score", ...found.properties, "proposer"];
    const head = element("tr", {}, element("th", { class: "number" }, "rank"), element("th", {}, meta.noun), ...titles.map((one) => element("th", { class: "number" }, one.replaceAll("_", " "))));
    const body = found.rows.map((one, i) => element("tr", {},
      element("td", { class: "number" }, String(i + 1)),
      element("td", {}, meta.molecular && one.drawing ? pictureOf(one.drawing) : lettersOf(one.text, found.lead), meta.molecular ? copyable(one.text) : null),
      ...titles.map((title) => element("td", { class: "number" }, typeof one[title] === "number" ? shown(one[title]) : one[title] || ""))));
    const lines = [["text", ...titles].join(","), ...found.rows.map((one) => [one.text, ...titles.map((title) => one[title] ?? "")].map((cell) => csvCell(String(cell))).join(","))];
    const save = button("CSV", () => download(lines.join("\n") + "\n", "analogs.csv"));
    this.results(found.said, element("div", { class: "tools" }, save), element("div", { class: "wide made" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...body))));
    draw();
  },

  async paste() {
    const found = await ask("place", { texts: byId("pasted").value });
    this.placed = found.rows.map((one) => ({ name: one.name, place: one.place }));
    const cards = found.rows.slice(0, CARDS).map((one) => madeCard(one, one.name || "placed", Object.entries(one.properties), [
      button("50 analogs", () => this.analogs(one.text)),
    ]));
    const left = found.rejected.map((one) => element("li", {}, `${one.text}: ${one.reason}`));
    this.results(`Placed: ${found.rows.length} of ${found.rows.length + found.rejected.length}`, left.length ? element("ul", { class: "about" }, ...left.slice(0, 20)) : "", element("div", { class: "cards" }, ...cards));
    draw();
  },

  selected(rows) {
    this.chosen = rows;
    this.showGroups();
    if (!meta.molecular && meta.logo) {
      byId("logo")?.remove();
      if (rows.length > 1) byId("cards").before(element("div", { id: "logo" }, button("Logo of the selection", async () => {
        const { svg } = await ask("logo", { rows: Array.from(rows) });
        const box = element("div", { class: "wide" });
        box.innerHTML = svg; // made by seqvae of letters of its alphabet alone
        byId("logo").replaceChildren(box);
      })));
    }
  },

  showGroups() {
    const { A, B } = this.groups;
    const many = this.chosen && this.chosen.length;
    const set = (name) => button(`Selection is ${name}`, () => {
      this.groups[name] = Array.from(this.chosen);
      this.showGroups();
    }, { disabled: !many, id: `group-${name}` });
    const line = (rows) => (rows ? `${rows.length.toLocaleString("en")} ${meta.noun}s` : "select some by lasso or search");
    const slider = element("input", { type: "range", min: -1, max: 2, step: 0.25, value: 1, "aria-label": "how far from A to B", id: "strength" });
    const go = () => this.move(Number(slider.value));
    slider.addEventListener("change", go);
    slider.disabled = !(A && B && this.here);
    byId("groups").replaceChildren(
      element("dl", {}, element("dt", {}, "A"), element("dd", {}, line(A)), element("dt", {}, "B"), element("dd", {}, line(B))),
      element("div", { class: "tools" }, set("A"), set("B")), slider,
      element("p", { class: "about" }, `Moves what is shown under Here from A towards B: 1 is the whole difference between the groups.`),
      element("div", { id: "moved" }),
    );
  },

  async move(strength) {
    const { rows } = await ask("between", { with: this.groups.B, without: this.groups.A, text: this.here.text, strengths: [strength] });
    const one = rows[0];
    byId("moved").replaceChildren(madeCard(one, `moved by ${strength}`, [...Object.entries(one.properties), ["similarity", one.similarity]], [], this.here.text));
  },

  async colour() {
    const shade = await ask("objective", { name: byId("objective-name").value });
    shade.values = Float32Array.from(shade.values);
    meta.shades = [...meta.shades.filter((one) => one.name !== "objective"), shade];
    const list = byId("shading");
    if (!list.querySelector("[value=objective]")) list.append(element("option", { value: "objective" }, "objective"));
    list.value = app.shade = "objective";
    reshade();
  },

  results(title, ...parts) {
    byId("results-title").textContent = title;
    byId("results-body").replaceChildren(...parts);
    byId("results").hidden = false;
  },

  placeMark() {
    byId("mark").hidden = !this.marker;
    if (!this.marker) return;
    const [x, y] = app.view.toPixels(...this.marker);
    byId("mark").style.transform = `translate(${x}px, ${y}px)`;
  },

  /** Marks where the click was, the ends and steps of the path, and what was placed. */
  draw(pen) {
    this.placeMark();
    pen.strokeStyle = pen.fillStyle = ink("--orange");
    pen.lineWidth = 2;
    if (this.drawn) {
      const { first, last } = this.drawn;
      pen.beginPath();
      pen.moveTo(...app.view.toPixels(first.x, first.y));
      pen.lineTo(...app.view.toPixels(last.x, last.y));
      pen.stroke();
      for (const end of [first, last]) ring(pen, end.x, end.y, end.row >= 0 ? pointSize() / 2 + 4 : 3);
    }
    if (this.steps.length) {
      pen.beginPath();
      this.steps.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](...app.view.toPixels(x, y)));
      pen.stroke();
    }
    for (const [x, y] of this.steps) dot(pen, x, y, 3.5);
    for (const [which, end] of Object.entries(this.ends)) label(pen, which === "first" ? "from" : "to", ...shifted(end.x, end.y));
    pen.fillStyle = ink("--violet");
    for (const { place: [x, y] } of this.placed) dot(pen, x, y, 4);
    for (const { name, place: [x, y] } of this.placed.slice(0, 50)) if (name) label(pen, name.slice(0, 24), ...shifted(x, y));
    if (this.elsewhere()) {
      pen.strokeStyle = ink("--orange");
      pen.setLineDash([4, 4]);
      pen.beginPath();
      pen.moveTo(...app.view.toPixels(this.here.x, this.here.y));
      pen.lineTo(...app.view.toPixels(...this.elsewhere()));
      pen.stroke();
      pen.setLineDash([]);
    }
  },
};

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(...app.view.toPixels(x, y), radius, 0, 7);
  pen.fill();
}

function ring(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(...app.view.toPixels(x, y), radius, 0, 7);
  pen.stroke();
}

function shifted(x, y) {
  const [left, top] = app.view.toPixels(x, y);
  return [left + 9, top - 7];
}
