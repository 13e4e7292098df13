// Colours of points and shadings, on light and dark paper, and their legends.

const dark = window.matchMedia("(prefers-color-scheme: dark)");
// Viridis (van der Walt & Smith 2015), without its yellow end on light paper and its violet end on dark paper.
const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];
const ONE_BY_ONE = {
  light: ["#1f6fb4", "#d9690b", "#2b8a3e", "#c22f2f", "#7a4bb5", "#7d5a2e", "#c2408f", "#4d5a66", "#8a8a00", "#128a9c"],
  dark: ["#6cb2f0", "#ffa057", "#6fd083", "#ff8480", "#bd9bf0", "#c9a06c", "#f28fc8", "#b4c0cc", "#d8d84a", "#5fd6e6"],
};
const SHADES = { density: "#3a7ca5", dark: "#b3261e", magnification: "#7a5195", objective: "#2b8a3e" };
const SHADES_DARK = { density: "#63b9d6", dark: "#ff7b72", magnification: "#cf94ff", objective: "#62d07a" };

function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Returns the colour of a share from 0 to 1. */
function ramp(share) {
  const [from, to] = dark.matches ? [0.22, 1] : [0, 0.86];
  const at = (from + Math.min(1, Math.max(0, share)) * (to - from)) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(at), VIRIDIS.length - 2);
  const [a, b] = [rgb(VIRIDIS[low]), rgb(VIRIDIS[low + 1])];
  return a.map((value, i) => Math.round(value + (b[i] - value) * (at - low)));
}

function groupColour(number) {
  const list = ONE_BY_ONE[dark.matches ? "dark" : "light"];
  return number < list.length ? rgb(list[number]) : unknown();
}

const unknown = () => (dark.matches ? [96, 106, 120] : [176, 182, 190]);

/** Returns four bytes for each row. */
async function coloursOf(column, rows) {
  const made = new Uint8Array(4 * rows);
  const put = (row, colour, alpha) => made.set([...colour, alpha], 4 * row);
  if (!column) {
    const plain = rgb(dark.matches ? "#63b9d6" : "#1f6f8b");
    for (let row = 0; row < rows; row++) put(row, plain, 220);
  } else if (column.kind === "number") {
    const values = await blobs.floats(column.blob);
    const table = Array.from({ length: 256 }, (_, i) => ramp(i / 255));
    const span = column.high - column.low || 1;
    for (let row = 0; row < rows; row++) {
      const value = values[row];
      if (Number.isNaN(value)) put(row, unknown(), 150);
      else put(row, table[Math.max(0, Math.min(255, Math.round(((value - column.low) / span) * 255)))], 230);
    }
  } else {
    const codes = await blobs.codes(column.blob);
    const table = column.groups.map((_, i) => groupColour(i));
    for (let row = 0; row < rows; row++) put(row, table[codes[row]], 230);
  }
  return made;
}

/** Draws the legend of a column; `choose` is called with a group that is clicked on. */
function legend(column, choose) {
  const box = byId("legend");
  box.replaceChildren();
  if (!column) return;
  if (column.about) box.append(element("p", { class: "about" }, column.about));
  if (column.kind === "number") {
    const stops = Array.from({ length: 9 }, (_, i) => `rgb(${ramp(i / 8).join(" ")})`).join(",");
    const middle = (column.low + column.high) / 2;
    box.append(
      element("div", { class: "bar", style: `background:linear-gradient(to right,${stops})` }),
      element("div", { class: "ticks" }, ...[column.low, middle, column.high].map((v) => element("span", {}, shown(v)))),
    );
    if (column.outside) box.append(element("p", { class: "about" }, column.outside));
    return;
  }
  const list = element("ul", { class: "groups" });
  column.groups.forEach((group, number) => {
    const swatch = element("i", { style: `background:rgb(${groupColour(number).join(" ")})` });
    const button = element("button", { type: "button", title: `select ${group.name}`, onclick: () => choose(number) });
    button.append(swatch, group.name || "(empty)", element("small", {}, group.count.toLocaleString("en")));
    list.append(element("li", {}, button));
  });
  box.append(list);
}

/** Returns a picture of a shading, one pixel a cell, the first row below. */
function shadePicture(shade, values) {
  const cells = Math.round(Math.sqrt(values.length));
  const picture = element("canvas", { width: cells, height: cells });
  const pen = picture.getContext("2d");
  const image = pen.createImageData(cells, cells);
  const ink = rgb((dark.matches ? SHADES_DARK : SHADES)[shade.name]);
  const span = shade.high - shade.low || 1;
  for (let row = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++) {
      const value = values[row * cells + column];
      const share = Math.min(1, Math.max(0, (value - shade.low) / span));
      const alpha = Number.isNaN(value) ? 0 : 150 * share;
      image.data.set([...ink, alpha], 4 * ((cells - 1 - row) * cells + column));
    }
  }
  pen.putImageData(image, 0, 0);
  return picture;
}

function shadeLegend(shade) {
  const box = byId("shade-legend");
  box.replaceChildren();
  if (!shade) return;
  const ink = (dark.matches ? SHADES_DARK : SHADES)[shade.name];
  box.append(
    element("div", { class: "bar", style: `background:linear-gradient(to right,transparent,${ink}99)` }),
    element("div", { class: "ticks" }, element("span", {}, shown(shade.low)), element("span", {}, shown(shade.high))),
    element("p", { class: "about" }, shade.about),
  );
}
