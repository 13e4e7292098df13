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

/** Returns a sequence in blocks of ten, with the colours of its letters; positions that differ from another are marked. */
function lettersOf(text, beside = "") {
  const box = element("div", { class: "sequence" });
  for (let start = 0; start < text.length; start += 10) {
    const block = element("span");
    for (let at = start; at < Math.min(start + 10, text.length); at++) {
      const kind = LETTERS[text[at].toUpperCase()];
      const changed = beside && beside[at] !== text[at];
      block.append(element(kind ? "b" : "i", { class: [kind, changed ? "changed" : ""].filter(Boolean).join(" ") }, text[at]));
    }
    box.append(block);
  }
  return box;
}
