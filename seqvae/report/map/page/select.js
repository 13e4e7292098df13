// Which rows are selected, why, and the command line that selects them again.

const FLAG = { lasso: "--lasso", find: "--find" };

/** Returns a number short enough for a command line, and exact enough for the map. */
function brief(value) {
  const digits = Math.max(0, 4 - Math.floor(Math.log10(meta.extent.side)));
  return Number(value.toFixed(Math.min(digits, 12)));
}

class Selection {
  constructor(rows) {
    this.rows = rows;
    this.clear();
  }

  clear() {
    this.flags = new Uint8Array(this.rows);
    this.reasons = []; // [flag, value], in turn
    this.picks = false; // whether the rows are listed one by one in place of the reasons
  }

  get list() {
    const found = [];
    for (let row = 0; row < this.rows; row++) if (this.flags[row]) found.push(row);
    return Uint32Array.from(found);
  }

  add(found, flag, value) {
    for (const row of found) this.flags[row] = 1;
    if (flag) this.reasons.push([flag, value]);
    else this.picks = true;
  }

  toggle(row) {
    this.flags[row] ^= 1;
    this.picks = true;
  }

  /** Returns ranges of rows counted from 1, such as 1-5,9. */
  get ranges() {
    const parts = [];
    const list = this.list;
    for (let i = 0; i < list.length; ) {
      let j = i;
      while (j + 1 < list.length && list[j + 1] === list[j] + 1) j++;
      parts.push(i === j ? `${list[i] + 1}` : `${list[i] + 1}-${list[j] + 1}`);
      i = j + 1;
    }
    return parts.join(",");
  }

  get flagsOfCommand() {
    if (this.picks) return this.list.length ? [["--pick", this.ranges]] : [];
    return this.reasons.map(([flag, value]) => [FLAG[flag], value]);
  }
}

/** Returns the rows inside a polygon, by the even-odd rule: the same as `evaluate.maps.selection.inside`. */
function rowsInside(corners, places) {
  const found = [];
  for (let row = 0; row < places.length / 2; row++) {
    const x = places[2 * row];
    const y = places[2 * row + 1];
    let within = false;
    for (let i = 0; i < corners.length; i++) {
      const [x1, y1] = corners[i];
      const [x2, y2] = corners[(i + 1) % corners.length];
      if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
    }
    if (within) found.push(row);
  }
  return found;
}

/** Returns the rows that a search finds, or a sentence that says why it cannot be done here. */
async function rowsFound(query) {
  if (query.startsWith("smarts:")) {
    const column = meta.columns.find((one) => one.title === query);
    if (column) {
      const values = await blobs.floats(column.blob);
      return [...values.keys()].filter((row) => values[row] > 0);
    }
    if (meta.live) return (await ask("find", { query })).rows;
    return `SMARTS are searched when the map is made: seqvae map … --property '${query}', or by seqvae explore`;
  }
  const wanted = query.toLocaleLowerCase();
  const texts = [blobs.texts("forms"), blobs.texts("names")];
  if (meta.asGiven) texts.push(blobs.texts("texts"));
  const lists = await Promise.all(texts);
  const groups = meta.columns.filter((one) => one.kind === "group");
  const codes = await Promise.all(groups.map((one) => blobs.codes(one.blob)));
  lists.push(...(await Promise.all(meta.columns.filter((one) => one.kind === "text").map((one) => blobs.texts(one.blob)))));
  const hits = groups.map((one) => one.groups.map((group) => group.name.toLocaleLowerCase().includes(wanted)));
  const found = [];
  for (let row = 0; row < meta.rows; row++) {
    if (
      lists.some((list) => list[row].toLocaleLowerCase().includes(wanted)) ||
      hits.some((hit, i) => hit[codes[i][row]])
    ) found.push(row);
  }
  if (!found.length && meta.live) return (await ask("find", { query })).rows;
  return found;
}

/** Returns a word that a POSIX shell takes as it is. */
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

/** Returns the command line that makes this map, view and selection again. */
function commandLine(view, colour, shade, selection) {
  const words = [meta.command];
  const flag = (name, value) => words.push(`${name} ${quoted(String(value))}`);
  if (colour) flag("--color", colour);
  if (shade !== "density" && shade !== "objective") flag("--shade", shade);
  if (view.zoom > 1.001) {
    const width = Math.min(view.width, (view.width * view.pixels.height) / view.pixels.width);
    words.push(`--view=${brief(view.x)},${brief(view.y)},${brief(width)}`);
  }
  for (const [name, value] of selection.flagsOfCommand) {
    words.push(value.startsWith("-") ? `${name}=${quoted(value)}` : `${name} ${quoted(value)}`);
  }
  return words.join(" ");
}
