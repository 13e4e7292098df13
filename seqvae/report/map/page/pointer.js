// Pointers: one pans, draws a lasso or clicks; two zoom.
const touching = new Map();
let moved = 0;

function at(event) {
  const box = above.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

above.addEventListener("pointerdown", (event) => {
  above.setPointerCapture(event.pointerId);
  touching.set(event.pointerId, at(event));
  moved = 0;
  if (touching.size === 1 && app.mode === "path") live.startPath(at(event));
  else if (touching.size === 1 && (app.mode === "lasso" || (event.shiftKey && app.mode === "pan"))) {
    app.lasso = [app.view.toPlace(...at(event))];
    app.adding = event.shiftKey && app.mode === "lasso";
  }
});

above.addEventListener("pointermove", (event) => {
  const here = at(event);
  const before = touching.get(event.pointerId);
  if (!before) {
    hover(rowAt(...here), ...here);
    return;
  }
  moved += Math.hypot(here[0] - before[0], here[1] - before[1]);
  if (touching.size === 2) {
    const [other] = [...touching].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    const apart = (a) => Math.hypot(a[0] - other[0], a[1] - other[1]);
    app.view.zoomAt(apart(here) / Math.max(apart(before), 1), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
    app.lasso = [];
    if (meta.live) live.drawn = null;
  } else if (meta.live && live.drawn) {
    live.drawn.last = live.endAt(here);
  } else if (app.lasso.length) {
    app.lasso.push(app.view.toPlace(...here));
  } else {
    app.view.pan(here[0] - before[0], here[1] - before[1]);
    hover(-1);
  }
  touching.set(event.pointerId, here);
  draw();
});

function lifted(event) {
  const here = at(event);
  touching.delete(event.pointerId);
  if (meta.live && live.drawn) {
    if (event.type === "pointerup") return live.endPath(here, moved > 12);
    live.drawn = null; // the browser has taken the touch for something else
  }
  if (app.lasso.length && moved > 12) return closeLasso(app.adding);
  app.lasso = [];
  if (moved > 6 || event.type === "pointercancel") return draw();
  clicked(rowAt(...here, event.pointerType === "touch" ? 20 : 8), here, event.shiftKey || event.ctrlKey || event.metaKey);
}

function clicked(row, here, adding) {
  if (app.mode === "path" && !adding) {
    live.clickPath(here);
  } else if (row >= 0 && adding) {
    app.selection.toggle(row);
    selected();
  } else if (meta.live) {
    live.clicked(row, app.view.toPlace(...here));
  } else if (row >= 0) {
    pin(row);
  }
}

above.addEventListener("pointerup", lifted);
above.addEventListener("pointercancel", lifted);
above.addEventListener("pointerleave", () => hover(-1));
above.addEventListener("wheel", (event) => {
  event.preventDefault();
  app.view.zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), ...at(event));
  draw();
}, { passive: false });
above.addEventListener("dblclick", (event) => {
  app.view.zoomAt(2, ...at(event));
  draw();
});

// Keys: arrows pan, + and - zoom, 0 shows all, Enter takes the point at the cross, l is the lasso, p a path, Escape
// clears.
above.addEventListener("keydown", (event) => {
  const step = 60;
  const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
  const middle = [app.view.pixels.width / 2, app.view.pixels.height / 2];
  if (moves[event.key]) app.view.pan(...moves[event.key]);
  else if (event.key === "+" || event.key === "=") app.view.zoomAt(1.5);
  else if (event.key === "-") app.view.zoomAt(1 / 1.5);
  else if (event.key === "0") app.view.home();
  else if (event.key === "l") setMode(app.mode === "lasso" ? "pan" : "lasso");
  else if (event.key === "p" && meta.live) setMode(app.mode === "path" ? "pan" : "path");
  else if (event.key === "Escape") clear();
  else if (event.key === "Enter" || event.key === " ") clicked(rowAt(...middle, 40), middle, event.key === " ");
  else return;
  event.preventDefault();
  hover(rowAt(...middle, 40), ...middle);
  draw();
});
for (const name of ["focus", "blur"]) above.addEventListener(name, draw);
