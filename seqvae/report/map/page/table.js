// The selection as cards, as a table, and as files.

const CARDS = 24;
const ALIGNED = 60; // sequences that are shown one below the other
const TABLE_ROWS = 200;

/** Returns a function from a row to the text of a column. */
async function cellsOf(column) {
  if (column.kind === "number") {
    const values = await blobs.floats(column.blob);
    return (row) => shown(values[row]);
  }
  if (column.kind === "group") {
    const codes = await blobs.codes(column.blob);
    return (row) => column.groups[codes[row]].name;
  }
  const texts = await blobs.texts(column.blob);
  return (row) => texts[row];
}

async function textOf(row) {
  return (await blobs.texts("forms"))[row];
}

async function nameOf(row) {
  return (await blobs.texts("names"))[row];
}

/** Returns what is known of a row as a list of terms, most of them numbers. */
async function factsOf(row, most = 12) {
  const list = element("dl");
  for (const column of meta.columns.slice(0, most)) {
    const value = (await cellsOf(column))(row);
    if (value !== "") list.append(element("dt", {}, column.title), element("dd", {}, value));
  }
  return list;
}

/** Returns what stands beside a sequence of an alignment: its name, and what the points are coloured by. */
async function labelOf(row) {
  const name = (await nameOf(row)) || `row ${row + 1}`;
  const value = app.colour ? (await cellsOf(app.colour))(row) : "";
  return value === "" ? name : `${name}, ${app.colour.title} ${value}`;
}

async function cardOf(row) {
  const [text, name] = [await textOf(row), await nameOf(row)];
  const card = element("figure", { class: "card" }, await structureOf(row, text));
  const caption = element("figcaption");
  caption.append(element("strong", {}, name || `row ${(row + 1).toLocaleString("en")}`));
  if (meta.molecular) caption.append(copyable(text));
  caption.append(await factsOf(row));
  card.append(caption);
  return card;
}

/** Returns a text that a click copies. */
function copyable(text) {
  const code = element("code", { class: "copy", title: "copy", tabindex: 0, role: "button" }, text);
  const copy = async () => {
    await copied(text);
    code.classList.add("done");
    setTimeout(() => code.classList.remove("done"), 900);
  };
  code.addEventListener("click", copy);
  code.addEventListener("keydown", (event) => event.key === "Enter" && copy());
  return code;
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = element("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Shows the selected rows: cards of the first ones, and a table that folds. */
async function showSelection(rows, isCurrent) {
  const first = Array.from(rows.slice(0, meta.molecular ? CARDS : ALIGNED));
  const cards = [];
  if (meta.molecular) {
    for (const row of first) {
      cards.push(await cardOf(row));
      if (!isCurrent()) return;
    }
  } else {
    cards.push(alignment(await Promise.all(first.map(textOf)), await Promise.all(first.map(labelOf))));
    if (!isCurrent()) return;
  }
  byId("cards").replaceChildren(...cards);
  const more = rows.length - first.length;
  byId("more").textContent = more > 0 ? `and ${more.toLocaleString("en")} more, in the table and in the files` : "";
  const table = await tableOf(rows.slice(0, TABLE_ROWS));
  if (!isCurrent()) return;
  byId("table").replaceChildren(table);
  byId("table-title").textContent =
    rows.length > TABLE_ROWS ? `Table (the first ${TABLE_ROWS} rows; all are in the files)` : "Table";
}

async function tableOf(rows) {
  const head = element("tr", {}, element("th", { class: "number" }, "row"), element("th", {}, "name"), element("th", {}, meta.noun));
  const cells = [];
  for (const column of meta.columns) {
    head.append(element("th", { class: column.kind === "number" ? "number" : "" }, column.title));
    cells.push(await cellsOf(column));
  }
  const body = element("tbody");
  for (const row of rows) {
    const line = element("tr", {}, element("td", { class: "number" }, String(row + 1)), element("td", {}, await nameOf(row)));
    line.append(element("td", {}, element("code", {}, await textOf(row))));
    cells.forEach((cell, i) => line.append(element("td", { class: meta.columns[i].kind === "number" ? "number" : "" }, cell(row))));
    body.append(line);
  }
  return element("table", {}, element("thead", {}, head), body);
}

/** Returns a cell of a CSV file; what a spreadsheet would take for a formula stands behind an apostrophe. */
function csvCell(value) {
  const risky = /^[=+\-@\t\r]/.test(value) && !Number.isFinite(Number(value));
  const text = risky ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Returns the selection as a file: `csv`, whose names are the ids of a batch for `seqvae ask`, `smi` or `fasta`. */
async function fileOf(kind, rows) {
  const [forms, names] = [await blobs.texts("forms"), await blobs.texts("names")];
  const list = Array.from(rows);
  if (kind === "smi") return list.map((row) => (names[row] ? `${forms[row]} ${names[row]}` : forms[row])).join("\n") + "\n";
  if (kind === "fasta") return list.map((row) => `>${names[row] || `row${row + 1}`}\n${forms[row]}`).join("\n") + "\n";
  const cells = await Promise.all(meta.columns.map(exactCells));
  const lines = [["text", "name", ...meta.columns.map((one) => one.title)].map(csvCell).join(",")];
  for (const row of list) lines.push([forms[row], names[row] || `row ${row + 1}`, ...cells.map((cell) => cell(row))].map(csvCell).join(","));
  return lines.join("\n") + "\n";
}

/** As `cellsOf`, with as many digits as a number has. */
async function exactCells(column) {
  if (column.kind !== "number") return cellsOf(column);
  const values = await blobs.floats(column.blob);
  return (row) => (Number.isNaN(values[row]) ? "" : String(Number(values[row].toPrecision(7))));
}

function download(text, name) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
