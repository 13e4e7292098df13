// Structures and sequences: drawings made beforehand, or, of very many molecules, by SmilesDrawer.

const LETTERS = meta.letters || {};

/** Returns a drawing that RDKit made beforehand, as SVG text. */
async function drawnBefore(id, number, chunk) {
  const part = await blobs.once(`${id}-${Math.floor(number / chunk)}`, (bytes) => new TextDecoder().decode(bytes).split("\n"));
  return part[number % chunk];
}

function pictureOf(inside) {
  const box = element("div", { class: "structure" });
  box.innerHTML = inside; // made by RDKit: no text of a file is in it
  return box;
}

/** Returns an element that shows row `number` of the map. */
async function structureOf(number, text) {
  if (!meta.molecular) return lettersOf(text);
  if (meta.drawings) return pictureOf(await drawnBefore("drawings", number, meta.drawings.chunk));
  return drawnHere(text);
}

/** Returns a molecule that is drawn in the browser. */
function drawnHere(text) {
  const box = element("div", { class: "structure" });
  if (typeof SmilesDrawer === "undefined") {
    box.append(element("div", { class: "text" }, text));
    return box;
  }
  const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  picture.setAttribute("viewBox", "0 0 220 165");
  box.append(picture);
  const pen = new SmilesDrawer.SvgDrawer({ width: 220, height: 165, bondThickness: 1.1, padding: 6 });
  SmilesDrawer.parse(
    text,
    (tree) => pen.draw(tree, picture, dark.matches ? "dark" : "light"),
    () => box.replaceChildren(element("div", { class: "text" }, text)),
  );
  return box;
}

/**
 * Returns a sequence in blocks of ten, with the colours of its letters; positions that differ from another are marked, if
 * that is as long, and bars show a share of each position.
 */
function lettersOf(text, beside = "", shares = null) {
  const box = element("div", { class: shares ? "sequence sure" : "sequence" });
  box.append(...blocksOf(text, 0, text.length, beside, shares));
  return box;
}

function blocksOf(text, first, last, beside, shares = null) {
  const blocks = [];
  for (let start = first; start < last; start += 10) {
    const block = element("span");
    for (let at = start; at < Math.min(start + 10, last); at++) {
      const kind = LETTERS[text[at].toUpperCase()];
      const changed = beside.length === text.length && beside[at] !== text[at];
      const about = { class: [kind, changed ? "changed" : ""].filter(Boolean).join(" ") };
      if (shares) Object.assign(about, { style: `--share:${shares[at] ?? 0}`, title: `${at + 1} ${text[at]}: probability ${shares[at]}` });
      block.append(element(kind ? "b" : "i", about, text[at]));
    }
    blocks.push(block);
  }
  return blocks;
}

const LINE = 60; // letters in a line of an alignment

/** Returns sequences one below the other under a ruler; what differs from the first, in those as long as it, is marked. */
function alignment(texts, labels) {
  const body = element("tbody");
  const longest = Math.max(0, ...texts.map((text) => text.length));
  for (let start = 0; start < longest; start += LINE) {
    const marks = [];
    for (let at = start + 10; at <= Math.min(start + LINE, longest); at += 10) marks.push(element("span", {}, element("i", {}, String(at).padStart(10))));
    body.append(element("tr", { class: "ruler" }, element("td", {}, ...marks), element("th", {})));
    texts.forEach((text, row) => {
      if (start >= Math.max(1, text.length)) return;
      const cells = blocksOf(text, start, Math.min(start + LINE, text.length), row ? texts[0] : "");
      body.append(element("tr", {}, element("td", {}, ...cells), element("th", {}, labels[row])));
    });
  }
  const other = texts.some((text) => text.length !== texts[0].length);
  const said = `Marked: what differs from the first${other ? `, in ${meta.noun}s of the same length` : ""}.`;
  const about = texts.length > 1 ? element("p", { class: "about" }, said) : "";
  return element("div", { class: "wide" }, element("table", { class: "sequence" }, body), about);
}
