// An image with points that are dragged. Points are in pixels of the image, whose first has its
// center at (0.5, 0.5); on the screen they are multiplied by `scale`.

const RADIUS = 6; // of a point, in pixels on the screen
const REACH = 20; // how far from a point it can be taken
const PERIOD = 40; // milliseconds between messages while a point is dragged
const OUTLINE = { stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" };

function clamp(value, highest) {
  return Math.min(Math.max(value, 0), highest);
}

function hundredths(value) {
  return Math.round(value * 100) / 100;
}

function render({ model, el }) {
  const root = svg(el, "svg", { class: "poseutils-canvas" });
  Object.assign(root.style, { display: "block", maxWidth: "100%", touchAction: "none" });
  const photo = svg(root, "image", { style: "image-rendering: pixelated" });
  const layer = svg(root, "g");
  let size = [0, 0]; // of the image, in its pixels
  let url = null;
  let newest = null; // the image that was asked for last
  let dragged = null; // { index, point }
  let sent = 0; // when the last message was sent
  let later = null; // the timer of the next

  function points() {
    const all = model.get("points").slice();
    if (dragged && dragged.index < all.length) all[dragged.index] = dragged.point;
    return all;
  }

  function draw() {
    const scale = model.get("scale");
    const shown = points().map((point) => point.map((value) => value * scale));
    const names = model.get("names");
    layer.replaceChildren();
    for (const [a, b] of model.get("edges")) {
      const [from, to] = [shown[a], shown[b]];
      if (!from || !to) continue;
      const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
      svg(layer, "line", { ...ends, stroke: "#fff", "stroke-width": 4, opacity: 0.8 });
      svg(layer, "line", { ...ends, stroke: "#333", "stroke-width": 2 });
    }
    shown.forEach(([x, y], index) => {
      const fill = pointColor(index);
      svg(layer, "circle", { cx: x, cy: y, r: RADIUS, fill, style: "cursor: grab", ...OUTLINE });
      if (!names[index]) return;
      const left = x > (size[0] * scale) / 2; // beside the point, inside the image
      const place = { x: x + (left ? -10 : 10), y: y - 6, "text-anchor": left ? "end" : "start" };
      const text = svg(layer, "text", { ...place, fill: "#222", "font-size": 12, ...OUTLINE });
      text.textContent = names[index];
      text.style.pointerEvents = "none";
      text.style.fontFamily = "sans-serif";
    });
  }

  // The new image is shown once it is decoded, so that nothing flickers
  async function load() {
    const next = URL.createObjectURL(new Blob([model.get("image")], { type: "image/png" }));
    const decoded = new Image();
    newest = decoded;
    decoded.src = next;
    await decoded.decode();
    if (newest !== decoded) return URL.revokeObjectURL(next);
    size = [decoded.naturalWidth, decoded.naturalHeight];
    const [width, height] = size.map((value) => value * model.get("scale"));
    for (const node of [root, photo]) {
      node.setAttribute("width", width);
      node.setAttribute("height", height);
    }
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    photo.setAttribute("href", next);
    if (url) URL.revokeObjectURL(url);
    url = next;
    draw();
  }

  // Of the pointer, in pixels of the image
  function place(event) {
    const box = root.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * size[0],
      ((event.clientY - box.top) / box.height) * size[1],
    ];
  }

  function send() {
    clearTimeout(later);
    later = null;
    sent = Date.now();
    model.set("points", points());
    model.save_changes();
  }

  root.addEventListener("pointerdown", (event) => {
    const onScreen = root.getBoundingClientRect().width / size[0];
    const [x, y] = place(event);
    const distances = points().map(([a, b]) => Math.hypot(a - x, b - y) * onScreen);
    const index = distances.indexOf(Math.min(...distances));
    if (event.button !== 0 || !(distances[index] <= REACH)) return;
    event.preventDefault();
    root.setPointerCapture(event.pointerId);
    const [a, b] = points()[index];
    dragged = { index, point: [a, b], grip: [a - x, b - y] };
  });

  root.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const at = place(event);
    dragged.point = at.map((value, axis) => hundredths(clamp(value + dragged.grip[axis], size[axis])));
    draw();
    later ??= setTimeout(send, Math.max(0, sent + PERIOD - Date.now()));
  });

  function release() {
    if (!dragged) return;
    if (later !== null) send();
    dragged = null;
    draw();
  }
  root.addEventListener("pointerup", release);
  root.addEventListener("pointercancel", release);

  model.on("change:image", load);
  for (const name of ["points", "names", "edges"]) model.on(`change:${name}`, draw);
  model.on("change:scale", load);
  load();
  return () => {
    clearTimeout(later);
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
