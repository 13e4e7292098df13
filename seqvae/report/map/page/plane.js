// The map itself: points by WebGL (or, without it, on a plain canvas), shading beneath, marks above; zoom and pan.

const VERTEX = `#version 300 es
in vec2 place; in vec4 colour; uniform vec2 middle; uniform vec2 scale; uniform float size; out vec4 ink;
void main() { gl_Position = vec4((place - middle) * scale, 0.0, 1.0); gl_PointSize = size; ink = colour; }`;
const FRAGMENT = `#version 300 es
precision highp float; in vec4 ink; uniform float strength; uniform float size; out vec4 paint;
void main() {
  float away = length(gl_PointCoord - 0.5) * 2.0;
  float edge = clamp((1.0 - away) * size * 0.5, 0.0, 1.0);
  paint = vec4(ink.rgb, 1.0) * ink.a * edge * strength;
}`;

class Points {
  constructor(canvas) {
    this.canvas = canvas;
    this.count = 0;
    this.chosen = new Uint32Array(0);
    this.gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
    if (this.gl) this._prepare();
    else this.flat = canvas.getContext("2d");
  }

  _prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.at = Object.fromEntries(
      ["middle", "scale", "size", "strength"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.slots = { place: gl.getAttribLocation(program, "place"), colour: gl.getAttribLocation(program, "colour") };
    this.buffers = { place: gl.createBuffer(), colour: gl.createBuffer(), chosen: gl.createBuffer() };
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  places(places) {
    this.place = places;
    this.count = places.length / 2;
    if (!this.gl) return;
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.place);
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(this.slots.place);
    gl.vertexAttribPointer(this.slots.place, 2, gl.FLOAT, false, 0, 0);
  }

  colours(colours) {
    this.colour = colours;
    if (!this.gl) return;
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers.colour);
    gl.bufferData(gl.ARRAY_BUFFER, colours, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(this.slots.colour);
    gl.vertexAttribPointer(this.slots.colour, 4, gl.UNSIGNED_BYTE, true, 0, 0);
  }

  select(rows) {
    this.chosen = rows;
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ELEMENT_ARRAY_BUFFER, this.buffers.chosen);
    this.gl.bufferData(this.gl.ELEMENT_ARRAY_BUFFER, rows, this.gl.DYNAMIC_DRAW);
  }

  draw(view, size) {
    const { width, height } = this.canvas;
    if (!this.gl) return this._drawFlat(view, size);
    const gl = this.gl;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count || !this.colour) return;
    gl.uniform2f(this.at.middle, view.x, view.y);
    gl.uniform2f(this.at.scale, 2 / view.width, (2 * width) / (view.width * height));
    gl.uniform1f(this.at.size, size);
    gl.uniform1f(this.at.strength, this.chosen.length ? 0.22 : 1);
    gl.drawArrays(gl.POINTS, 0, this.count);
    if (this.chosen.length) {
      gl.uniform1f(this.at.strength, 1);
      gl.uniform1f(this.at.size, size * 1.25);
      gl.drawElements(gl.POINTS, this.chosen.length, gl.UNSIGNED_INT, 0);
    }
  }

  _drawFlat(view, size) {
    const { width, height } = this.canvas;
    const pen = this.flat;
    pen.clearRect(0, 0, width, height);
    const unit = width / view.width;
    const put = (row) => {
      const c = 4 * row;
      pen.fillStyle = `rgb(${this.colour[c]} ${this.colour[c + 1]} ${this.colour[c + 2]})`;
      pen.fillRect(
        (this.place[2 * row] - view.x) * unit + width / 2 - size / 2,
        (view.y - this.place[2 * row + 1]) * unit + height / 2 - size / 2, size, size,
      );
    };
    pen.globalAlpha = this.chosen.length ? 0.22 : 0.85;
    for (let row = 0; row < this.count; row++) put(row);
    pen.globalAlpha = 1;
    this.chosen.forEach(put);
  }
}

/** Where the map is looked at: its centre and how many units are as wide as the canvas. */
class View {
  constructor(extent) {
    this.extent = extent;
    this.pixels = { width: 1, height: 1 };
    this.home();
  }

  resize(width, height) {
    const share = this.width / this.whole;
    this.pixels = { width, height };
    this.width = this.whole * share;
  }

  /** The width at which all of the map is seen. */
  get whole() {
    const { width, height } = this.pixels;
    return this.extent.side * Math.max(1, width / Math.max(height, 1));
  }

  home() {
    this.x = this.extent.left + this.extent.side / 2;
    this.y = this.extent.bottom + this.extent.side / 2;
    this.width = this.whole;
  }

  get unit() {
    return this.pixels.width / this.width;
  }

  get zoom() {
    return this.whole / this.width;
  }

  toPixels(x, y) {
    return [(x - this.x) * this.unit + this.pixels.width / 2, (this.y - y) * this.unit + this.pixels.height / 2];
  }

  toPlace(left, top) {
    return [this.x + (left - this.pixels.width / 2) / this.unit, this.y - (top - this.pixels.height / 2) / this.unit];
  }

  pan(left, top) {
    this.x -= left / this.unit;
    this.y += top / this.unit;
  }

  /** Zooms about a pixel, which keeps its place. */
  zoomAt(factor, left = this.pixels.width / 2, top = this.pixels.height / 2) {
    const before = this.toPlace(left, top);
    this.width = Math.min(this.whole * 2, Math.max(this.whole / 5000, this.width / factor));
    const after = this.toPlace(left, top);
    this.x += before[0] - after[0];
    this.y += before[1] - after[1];
  }
}
