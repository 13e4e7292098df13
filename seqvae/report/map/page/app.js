// The page: what a pointer, a key or a button does.

const app = {
  points: new Points(byId("points")),
  view: new View(meta.extent),
  selection: new Selection(meta.rows),
  mode: "pan",
  colour: meta.columns.find((one) => one.title === meta.color),
  shade: meta.shade,
  lasso: [],
  hovered: -1,
  ratio: 1,
  turn: 0,
};

const frame = byId("frame");
const above = byId("above");
const tip = byId("tip");

function draw() {
  if (app.waiting) return;
  app.waiting = true;
  requestAnimationFrame(() => {
    app.waiting = false;
    app.points.draw(app.view, pointSize() * app.ratio);
    drawShade();
    drawAbove();
    drawThumbs();
    showCommand(commandLine(app.view, app.colour && app.colour.title, app.shade, app.selection));
  });
}

/** Shows a command line; no line ends within one of its flags. */
function showCommand(line) {
  const parts = line.split(/(?<= )(--[a-z-]+)/);
  byId("command").replaceChildren(...parts.map((part, i) => (i % 2 ? element("span", { class: "flag" }, part) : part)));
}

function pointSize() {
  const first = meta.rows <= 500 ? 9 : meta.rows <= 5000 ? 6.5 : meta.rows <= 50000 ? 3.6 : 2.2;
  return Math.min(16, first * app.view.zoom ** 0.35);
}

function resize() {
  const { width, height } = frame.getBoundingClientRect();
  app.ratio = window.devicePixelRatio || 1;
  for (const canvas of [byId("shade"), byId("points"), above]) {
    canvas.width = Math.round(width * app.ratio);
    canvas.height = Math.round(height * app.ratio);
  }
  app.view.resize(width, height);
  draw();
}

async function recolour() {
  app.points.colours(await coloursOf(app.colour, meta.rows));
  legend(app.colour, async (number) => {
    const codes = await blobs.codes(app.colour.blob);
    app.selection.clear();
    app.selection.add([...codes.keys()].filter((row) => codes[row] === number));
    selected();
  });
  draw();
}

async function reshade() {
  const shade = meta.shades.find((one) => one.name === app.shade);
  shadeLegend(shade);
  app.picture = shade ? shadePicture(shade, shade.values || (await blobs.floats(shade.blob))) : null;
  draw();
}

function drawShade() {
  const canvas = byId("shade");
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!app.picture) return;
  const { left, bottom, side } = meta.extent;
  const [x, y] = app.view.toPixels(left, bottom + side);
  const size = side * app.view.unit * app.ratio;
  pen.imageSmoothingQuality = "high";
  pen.drawImage(app.picture, x * app.ratio, y * app.ratio, size, size);
}

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

function drawAbove() {
  const pen = above.getContext("2d");
  pen.setTransform(app.ratio, 0, 0, app.ratio, 0, 0);
  pen.clearRect(0, 0, above.width, above.height);
  drawGrid(pen);
  pen.font = "600 12px system-ui, sans-serif";
  for (const anchor of meta.anchors) {
    const [x, y] = app.view.toPixels(anchor.x, anchor.y);
    pen.strokeStyle = ink("--ink");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, 7, 0, 7);
    pen.stroke();
    label(pen, anchor.name.length > 28 ? `${anchor.name.slice(0, 27)}…` : anchor.name, x + 11, y + 4);
  }
  if (app.hovered >= 0) {
    const [x, y] = app.view.toPixels(app.place[2 * app.hovered], app.place[2 * app.hovered + 1]);
    pen.strokeStyle = ink("--ink");
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(x, y, pointSize() / 2 + 3, 0, 7);
    pen.stroke();
  }
  if (app.lasso.length > 1) {
    pen.beginPath();
    app.lasso.forEach(([x, y], i) => pen[i ? "lineTo" : "moveTo"](...app.view.toPixels(x, y)));
    pen.closePath();
    pen.fillStyle = `${ink("--accent").trim()}22`;
    pen.strokeStyle = ink("--accent");
    pen.lineWidth = 1.6;
    pen.fill();
    pen.stroke();
  }
  if (document.activeElement === above) {
    const { width, height } = app.view.pixels;
    pen.strokeStyle = ink("--soft");
    pen.lineWidth = 1;
    pen.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(width / 2 + 4 * dx, height / 2 + 4 * dy);
      pen.lineTo(width / 2 + 10 * dx, height / 2 + 10 * dy);
    }
    pen.stroke();
  }
  if (meta.live) live.draw(pen);
}

function label(pen, text, x, y) {
  pen.lineJoin = "round";
  pen.lineWidth = 4;
  pen.strokeStyle = ink("--card");
  pen.strokeText(text, x, y);
  pen.fillStyle = ink("--ink");
  pen.fillText(text, x, y);
}

/** Marks the decoded points when they are far enough apart: filled, hollow (encoded elsewhere), crossed (invalid). */
function drawGrid(pen) {
  if (!app.grid || gridStep() < 34) return;
  for (const one of app.grid) {
    const [x, y] = app.view.toPixels(one.x, one.y);
    if (x < -5 || y < -5 || x > app.view.pixels.width + 5 || y > app.view.pixels.height + 5) continue;
    pen.strokeStyle = pen.fillStyle = ink(one.valid ? "--soft" : "--red");
    pen.lineWidth = 1.3;
    pen.beginPath();
    if (!one.valid) {
      pen.moveTo(x - 3, y - 3);
      pen.lineTo(x + 3, y + 3);
      pen.moveTo(x + 3, y - 3);
      pen.lineTo(x - 3, y + 3);
      pen.stroke();
      continue;
    }
    pen.rect(x - 2.5, y - 2.5, 5, 5);
    pen[one.returns ? "fill" : "stroke"]();
  }
}

const gridStep = () => (meta.grid ? (meta.extent.side / meta.grid.side) * app.view.unit : 0);

/** Shows what the decoded points are when there is room for drawings between them. */
async function drawThumbs() {
  const box = byId("thumbs");
  const room = gridStep();
  if (!app.grid || room < 110) {
    if (box.firstChild) box.replaceChildren();
    return;
  }
  const turn = ++app.turn;
  const width = Math.min(room - 16, 170);
  const made = [];
  for (const [number, one] of app.grid.entries()) {
    const [x, y] = app.view.toPixels(one.x, one.y);
    if (x < -80 || y < -80 || x > app.view.pixels.width + 80 || y > app.view.pixels.height + 80 || !one.valid) continue;
    const style = `left:${x}px;top:${y + 6}px;width:${width}px`;
    const shownHere = meta.molecular
      ? pictureOf(await drawnBefore("grid-drawings", number, meta.grid.chunk))
      : element("code", {}, one.text.length > 40 ? `${one.text.slice(0, 39)}…` : one.text);
    const kind = one.returns ? "thumb" : "thumb elsewhere";
    made.push(element("div", { class: kind, style, title: one.returns ? one.text : `${one.text} (encoded elsewhere)` }, shownHere));
  }
  if (turn === app.turn) box.replaceChildren(...made);
}

/** Returns the row nearest to a pixel, -1 where there is none near. */
function rowAt(left, top, reach = 10) {
  if (!app.index) return -1;
  const [x, y] = app.view.toPlace(left, top);
  let best = -1;
  let least = Infinity;
  for (const row of app.index.within(x, y, (reach + pointSize() / 2) / app.view.unit)) {
    const away = Math.hypot(app.place[2 * row] - x, app.place[2 * row + 1] - y);
    if (away < least) [best, least] = [row, away];
  }
  return best;
}

async function hover(row, left, top) {
  if (row === app.hovered) return;
  app.hovered = row;
  draw();
  if (row < 0) {
    tip.hidden = true;
    return;
  }
  const card = await cardOf(row);
  if (row !== app.hovered) return;
  tip.replaceChildren(card);
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const { width, height } = app.view.pixels;
  tip.style.left = `${Math.max(4, left + 16 + box.width > width ? left - box.width - 12 : left + 16)}px`;
  tip.style.top = `${Math.max(4, Math.min(top + 12, height - box.height - 4))}px`;
}

async function pin(row) {
  byId("pinned").replaceChildren(await cardOf(row));
}

function selected() {
  const rows = app.selection.list;
  app.points.select(rows);
  const box = byId("selection");
  box.hidden = !rows.length;
  byId("count").textContent = `${rows.length.toLocaleString("en")} of ${meta.rows.toLocaleString("en")} ${meta.noun}s`;
  const turn = (app.shownTurn = (app.shownTurn || 0) + 1);
  if (rows.length) showSelection(rows, () => turn === app.shownTurn);
  if (meta.live) live.selected(rows);
  draw();
}

function closeLasso(adding) {
  const corners = app.lasso.map(([x, y]) => [brief(x), brief(y)]).filter((one, i, all) => !i || one.join() !== all[i - 1].join());
  if (!adding) app.selection.clear();
  if (corners.length > 2) {
    app.selection.add(rowsInside(corners, app.place), "lasso", corners.map((one) => one.join(",")).join(" "));
  }
  app.lasso = [];
  selected();
}

async function find(query) {
  say("");
  if (!query.trim()) return;
  const rows = await rowsFound(query.trim());
  if (typeof rows === "string") return say(rows);
  app.selection.clear();
  app.selection.add(rows, "find", query.trim());
  say(rows.length ? "" : `nothing has ${query.trim()}`);
  selected();
  if (rows.length) show(rows);
}

/** Moves the view so that rows that lie outside it are seen. */
function show(rows) {
  const inside = Array.from(rows).some((row) => {
    const [x, y] = app.view.toPixels(app.place[2 * row], app.place[2 * row + 1]);
    return x > 0 && y > 0 && x < app.view.pixels.width && y < app.view.pixels.height;
  });
  if (!inside) app.view.home();
  draw();
}

function say(text) {
  byId("said").textContent = text;
}

function setMode(mode) {
  app.mode = mode;
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  frame.dataset.mode = mode;
}

function clear() {
  app.selection.clear();
  app.lasso = [];
  say("");
  if (meta.live) live.forgetPath();
  selected();
}

function listen() {
  byId("color").addEventListener("change", (event) => {
    app.colour = meta.columns.find((one) => one.title === event.target.value);
    recolour();
  });
  byId("shading").addEventListener("change", (event) => {
    app.shade = event.target.value;
    reshade();
  });
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    find(byId("query").value);
  });
  for (const button of document.querySelectorAll("[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));
  const zooms = { in: () => app.view.zoomAt(1.6), out: () => app.view.zoomAt(1 / 1.6), all: () => app.view.home() };
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => {
      zooms[button.dataset.zoom]();
      draw();
    });
  }
  for (const button of document.querySelectorAll("[data-file]")) {
    button.addEventListener("click", async () => {
      const kind = button.dataset.file;
      download(await fileOf(kind, app.selection.list), `selection.${kind}`);
    });
  }
  byId("clear").addEventListener("click", clear);
  byId("copy-command").addEventListener("click", async () => {
    await copied(byId("command").textContent);
    byId("copy-command").textContent = "Copied";
    setTimeout(() => (byId("copy-command").textContent = "Copy"), 900);
  });
  dark.addEventListener("change", () => {
    recolour();
    reshade();
  });
  new ResizeObserver(resize).observe(frame);
}

/** Selects and shows what the command line asked for. */
async function startWith() {
  if (meta.view) {
    const [x, y, width] = meta.view;
    Object.assign(app.view, { x, y, width: width * Math.max(1, app.view.pixels.width / app.view.pixels.height) });
  }
  if (meta.selected) {
    app.selection.add(await blobs.json("selected"));
    if (meta.reasons.length) Object.assign(app.selection, { reasons: meta.reasons, picks: false });
    selected();
  }
}

async function start() {
  listen();
  setMode("pan");
  app.place = await blobs.floats("places");
  app.points.places(app.place);
  resize();
  await startWith();
  await Promise.all([recolour(), reshade()]);
  document.body.dataset.ready = "points";
  if (meta.grid) app.grid = (await blobs.json("grid")).map(([x, y, text, valid, returns]) => ({ x, y, text, valid, returns }));
  await new Promise((done) => setTimeout(done));
  app.index = new KDBush(meta.rows, 64, Float32Array);
  for (let row = 0; row < meta.rows; row++) app.index.add(app.place[2 * row], app.place[2 * row + 1]);
  app.index.finish();
  if (meta.live) live.start();
  document.body.dataset.ready = "all";
  draw();
}
