// An annotation tool. The kernel has the labels: every change is sent to it as a message, and `view`
// comes back with the image and its people. Points are [x, y, visibility] in pixels of the image,
// whose first has its center at (0.5, 0.5).

const RADIUS = 6; // of a point, in pixels on the screen
const REACH = 18; // how far from a point it can be taken
const STILL = 3; // a pointer that moves less clicks
const KEYS = {
  Enter: "next", ArrowRight: "next", ArrowLeft: "previous", ArrowDown: "skip", " ": "cycle",
  "+": "add", Delete: "remove", 0: "fit",
};
const HELP =
  "drag a point; click to set one that is missing; right-click or space: visible, hidden, none. " +
  "Letters choose a point by its name. Enter or →: accept, ←: back, ↓: skip, Ctrl+Z: undo. " +
  "Wheel: zoom, drag the image: pan, 0: whole image. +: another object, Del: remove the chosen one.";

function html(parent, name, className = "", text = "") {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function stateName(visibility) {
  if (visibility === 2) return "visible";
  if (visibility === 1) return "hidden";
  return visibility === 0 ? "none" : `guess ${visibility.toFixed(2)}`;
}

// The image with its points, zoomed and panned. `zoom` is pixels on the screen for one of the image.
class Stage {
  constructor(parent, names, edges) {
    Object.assign(this, { names, edges, size: [1, 1], zoom: 1, origin: [0, 0], url: null });
    this.root = svg(parent, "svg");
    this.photo = svg(this.root, "image", { style: "image-rendering: pixelated" });
    this.layer = svg(this.root, "g");
  }

  async load(bytes) {
    const next = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    const decoded = new Image();
    this.newest = decoded;
    decoded.src = next;
    await decoded.decode();
    if (this.newest !== decoded) return URL.revokeObjectURL(next);
    this.size = [decoded.naturalWidth, decoded.naturalHeight];
    this.photo.setAttribute("href", next);
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = next;
  }

  fit() {
    const { width, height } = this.root.getBoundingClientRect();
    this.zoom = Math.min(width / this.size[0], height / this.size[1]) || 1;
    this.origin = [width - this.size[0] * this.zoom, height - this.size[1] * this.zoom].map((d) => d / 2);
  }

  place(event) {
    const box = this.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  toScreen([x, y]) {
    return [x * this.zoom + this.origin[0], y * this.zoom + this.origin[1]];
  }

  toImage(point) {
    return point.map((value, axis) => {
      const inside = clamp((value - this.origin[axis]) / this.zoom, 0, this.size[axis]);
      return Math.round(inside * 100) / 100;
    });
  }

  zoomAt(point, factor) {
    const zoom = clamp(this.zoom * factor, 0.02, 60);
    this.origin = this.origin.map((o, axis) => point[axis] - (point[axis] - o) * (zoom / this.zoom));
    this.zoom = zoom;
  }

  // Moves the image so that a point can be seen
  reveal(point) {
    const { width, height } = this.root.getBoundingClientRect();
    const [x, y] = this.toScreen(point);
    if (x > 0 && y > 0 && x < width && y < height) return;
    this.origin = [this.origin[0] + width / 2 - x, this.origin[1] + height / 2 - y];
  }

  // The point that is nearest to a place on the screen, if one is near: [person, index]. Of two
  // that overlap, rather the guess than the one that was put there
  near(people, at) {
    let best = null;
    let least = REACH;
    people.forEach((person, p) => person.forEach((point, k) => {
      const [x, y] = this.toScreen(point);
      const distance = Math.hypot(x - at[0], y - at[1]) + (point[2] < 1 ? 0 : RADIUS);
      if (point[2] > 0 && distance < least) [best, least] = [[p, k], distance];
    }));
    return best;
  }

  draw(people, chosen, selected) {
    const [x, y] = this.origin;
    const matrix = `matrix(${this.zoom} 0 0 ${this.zoom} ${x} ${y})`;
    this.photo.setAttribute("width", this.size[0]);
    this.photo.setAttribute("height", this.size[1]);
    this.photo.setAttribute("transform", matrix);
    this.layer.replaceChildren();
    people.forEach((person, p) => this.drawPerson(person, p === chosen, p === chosen ? selected : -1));
  }

  drawPerson(person, isChosen, selected) {
    const group = svg(this.layer, "g", { opacity: isChosen ? 1 : 0.55 });
    for (const [a, b] of this.edges) {
      if (!person[a][2] || !person[b][2]) continue;
      const [from, to] = [this.toScreen(person[a]), this.toScreen(person[b])];
      const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1] };
      svg(group, "line", { ...ends, stroke: "#fff", "stroke-width": 3.5, opacity: 0.7 });
      svg(group, "line", { ...ends, stroke: "#333", "stroke-width": 1.5 });
    }
    person.forEach((point, k) => {
      if (!point[2]) return;
      const [cx, cy] = this.toScreen(point);
      if (k === selected) svg(group, "circle", { cx, cy, r: RADIUS + 4, fill: "none", stroke: "#fff", "stroke-width": 3 });
      if (k === selected) svg(group, "circle", { cx, cy, r: RADIUS + 4, fill: "none", stroke: "#111", "stroke-width": 1.5 });
      const isGuess = point[2] < 1;
      const paint = point[2] === 1
        ? { fill: "#fff", stroke: pointColor(k), "stroke-width": 3 }
        : { fill: pointColor(k), stroke: isGuess ? "#111" : "#fff", "stroke-width": 1.5, ...(isGuess && { "stroke-dasharray": "2 2" }) };
      const circle = svg(group, "circle", { cx, cy, r: RADIUS, ...paint, style: "cursor: grab" });
      svg(circle, "title").textContent = `${this.names[k]}: ${stateName(point[2])}`;
    });
  }
}

function render({ model, el }) {
  const names = model.get("names");
  const root = html(el, "div", "poseutils-label");
  root.tabIndex = 0;
  root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's own keys would delete cells
  const stage = new Stage(root, names, model.get("edges"));
  const side = html(root, "div", "side");
  const title = html(side, "div", "title");
  const status = html(side, "div", "status");
  const buttons = html(side, "div", "buttons");
  const list = html(side, "ul");
  const error = html(side, "div", "error");
  html(side, "div", "keys", HELP);
  const labels = [["previous", "← back"], ["skip", "skip"], ["next", "accept →"], ["undo", "undo"],
    ["add", "+ another"], ["remove", "− remove"], ["fit", "whole image"]];
  for (const [action, text] of labels) {
    const button = html(buttons, "button", action === "next" ? "main" : "", text);
    button.dataset.action = action;
    button.onclick = () => act(action);
  }

  let shown = null; // the name of the image
  let people = [];
  let chosen = 0; // the person
  let selected = 0; // the keypoint
  let changes = 0; // that were sent
  let drag = null; // { at, start, moved, point?, origin? }

  function draw() {
    stage.draw(people, chosen, selected);
    list.replaceChildren();
    people[chosen].forEach((point, k) => {
      const item = html(list, "li", k === selected ? "selected" : "");
      html(item, "span", "dot").style.background = pointColor(k);
      html(item, "span", "name", names[k]);
      const state = html(item, "button", "state", stateName(point[2]));
      item.onclick = () => select(k);
      state.onclick = (event) => {
        event.stopPropagation();
        select(k);
        cycle();
      };
    });
  }

  function showStatus() {
    const view = model.get("view");
    title.textContent = `${view.name} (${view.place} of ${view.images})`;
    const state = view.is_done ? "labeled" : "not accepted yet";
    const saved = view.number < changes ? " · saving…" : view.error ? " · not saved" : " · saved";
    const counts = `${state} · ${view.labeled} of ${view.images} labeled`;
    status.textContent = counts + (changes ? saved : "");
    error.textContent = view.error;
  }

  async function receive() {
    const view = model.get("view");
    const isNew = view.name !== shown;
    if (isNew) {
      shown = view.name;
      drag = null;
      [chosen, selected] = [0, 0];
      await stage.load(model.get("image"));
      if (shown !== view.name) return; // the next one came meanwhile
      stage.fit();
    }
    if (isNew || (view.number >= changes && !drag)) {
      people = structuredClone(model.get("view").people);
      chosen = Math.min(chosen, people.length - 1);
      if (isNew) selected = Math.max(0, people[chosen].findIndex((point) => !point[2]));
      draw();
    }
    showStatus();
  }

  function send(action) {
    changes += 1;
    model.send({ do: action, name: shown, number: changes, ...(action === "edit" && { people }) });
    showStatus();
  }

  function edited() {
    draw();
    send("edit");
  }

  function select(k) {
    selected = k;
    if (people[chosen][k][2]) stage.reveal(people[chosen][k]);
    draw();
  }

  // Visible, hidden, not labeled, and again
  function cycle() {
    const point = people[chosen][selected];
    if (!point[2] && !point[0] && !point[1]) return; // has no place yet
    point[2] = point[2] === 2 ? 1 : point[2] === 1 ? 0 : 2;
    edited();
  }

  function setMissing(at) {
    const person = people[chosen];
    if (person[selected][2]) return;
    person[selected] = [...stage.toImage(at), 2];
    const order = person.map((_, i) => (selected + 1 + i) % person.length);
    selected = order.find((k) => !person[k][2]) ?? selected;
    edited();
  }

  const actions = {
    cycle,
    add() {
      people.push(names.map(() => [0, 0, 0]));
      [chosen, selected] = [people.length - 1, 0];
      draw();
    },
    remove() {
      people.splice(chosen, 1);
      if (!people.length) people.push(names.map(() => [0, 0, 0]));
      [chosen, selected] = [0, 0];
      edited();
    },
    fit() {
      stage.fit();
      draw();
    },
  };

  function act(action) {
    if (actions[action]) actions[action]();
    else send(action);
  }

  function jump(letter) {
    const order = names.map((_, i) => (selected + 1 + i) % names.length);
    const found = order.find((k) => names[k].toLowerCase().startsWith(letter));
    if (found !== undefined) select(found);
    return found !== undefined;
  }

  root.addEventListener("keydown", (event) => {
    const key = event.key;
    const isUndo = (event.ctrlKey || event.metaKey) && key.toLowerCase() === "z";
    const isButton = event.target.tagName === "BUTTON" && (key === "Enter" || key === " ");
    if (isButton || ((event.ctrlKey || event.metaKey || event.altKey) && !isUndo)) return;
    if (isUndo) act("undo");
    else if (KEYS[key]) act(KEYS[key]);
    else if (key.length !== 1 || !jump(key.toLowerCase())) return;
    event.preventDefault();
    event.stopPropagation();
  });

  // A button that is drawn anew would take the focus, and with it the keys, along
  root.addEventListener("click", () => root.focus({ preventScroll: true }));

  stage.root.addEventListener("pointerdown", (event) => {
    root.focus({ preventScroll: true });
    const at = stage.place(event);
    const found = stage.near(people, at);
    if (found) [chosen, selected] = found;
    if (event.button === 0) {
      event.preventDefault();
      stage.root.setPointerCapture(event.pointerId);
      const start = found ? stage.toScreen(people[chosen][selected]) : stage.origin;
      drag = { at, start, moved: false, point: found && people[chosen][selected] };
    }
    draw();
  });

  stage.root.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = stage.place(event).map((value, axis) => value - drag.at[axis]);
    drag.moved ||= Math.hypot(x, y) >= STILL;
    if (!drag.moved) return;
    const now = [drag.start[0] + x, drag.start[1] + y];
    if (drag.point) {
      [drag.point[0], drag.point[1]] = stage.toImage(now);
      if (drag.point[2] < 1) drag.point[2] = 2; // a guess that was corrected
    } else stage.origin = now;
    draw();
  });

  stage.root.addEventListener("pointerup", () => {
    if (!drag) return;
    const { moved, point, at } = drag;
    drag = null;
    if (moved && point) edited();
    else if (!moved && !point) setMissing(at);
  });

  stage.root.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (stage.near(people, stage.place(event))) cycle();
  });

  // Without focus the wheel scrolls the notebook
  stage.root.addEventListener("wheel", (event) => {
    if (!root.contains(document.activeElement)) return;
    event.preventDefault();
    stage.zoomAt(stage.place(event), Math.exp(-event.deltaY / 500));
    draw();
  }, { passive: false });

  const resized = new ResizeObserver(() => {
    if (!people.length) return;
    stage.fit();
    draw();
  });
  resized.observe(stage.root);
  model.on("change:view", receive);
  receive();
  return () => {
    resized.disconnect();
    if (stage.url) URL.revokeObjectURL(stage.url);
  };
}

export default { render };
