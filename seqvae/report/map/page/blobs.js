// The numbers and texts of the page: base64 of deflated bytes, unpacked when they are first asked for.

const meta = JSON.parse(document.getElementById("meta").textContent);

const blobs = {
  _made: new Map(),

  /** Returns the bytes of a part of the page. */
  async bytes(id) {
    const coded = atob(document.getElementById(`blob-${id}`).textContent);
    const packed = new Uint8Array(coded.length);
    for (let i = 0; i < coded.length; i++) packed[i] = coded.charCodeAt(i);
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  },

  /** Returns what `make` makes of the bytes of a part, once. */
  once(id, make) {
    if (!this._made.has(id)) this._made.set(id, this.bytes(id).then(make));
    return this._made.get(id);
  },

  floats(id) {
    return this.once(id, (bytes) => new Float32Array(bytes.buffer));
  },

  codes(id) {
    return this.once(id, (bytes) => bytes);
  },

  /** Returns texts, one per row. */
  texts(id) {
    return this.once(id, (bytes) => new TextDecoder().decode(bytes).split("\n"));
  },

  json(id) {
    return this.once(id, (bytes) => JSON.parse(new TextDecoder().decode(bytes)));
  },
};

/** Returns an element with attributes and children; texts are never read as HTML. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Returns a number with three significant digits, or all of a whole one's. */
function shown(value) {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (size >= 10000) return Math.round(value).toLocaleString("en");
  return String(size >= 1000 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(3)));
}

const byId = (id) => document.getElementById(id);
