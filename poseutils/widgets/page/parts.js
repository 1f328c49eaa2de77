// What the pages of several widgets have in common; read before each of them.

function add(parent, name, properties = {}) {
  const node = Object.assign(document.createElement(name), properties);
  parent.append(node);
  return node;
}

function svg(parent, name, attributes = {}, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  parent.append(node);
  return node;
}

const POINT_COLORS = ["#e6550d", "#3182bd", "#31a354", "#756bb1", "#d6a400", "#d62b6f", "#17a2b8"];

// Of a point that is dragged, by its index
function pointColor(index) {
  return POINT_COLORS[index % POINT_COLORS.length];
}

function drawPeople(context, people, drawing, threshold) {
  const { width, height } = context.canvas;
  const size = Math.max(2, Math.min(width, height) / 160);
  for (const { points } of people) {
    const at = ([x, y]) => [x * width, y * height];
    context.lineWidth = size;
    drawing.limbs.forEach(([a, b], limb) => {
      if (points[a][2] < threshold || points[b][2] < threshold) return;
      context.strokeStyle = drawing.limbColors[limb];
      context.beginPath();
      context.moveTo(...at(points[a]));
      context.lineTo(...at(points[b]));
      context.stroke();
    });
    const radius = points.length > 100 ? size / 3 : 1.4 * size; // a mesh has fine points
    points.forEach((point, index) => {
      context.fillStyle = context.strokeStyle = drawing.colors[index];
      context.lineWidth = 1;
      context.beginPath();
      context.arc(...at(point), radius, 0, 2 * Math.PI);
      if (point[2] < threshold) context.stroke();
      else context.fill();
    });
  }
}

// A slider of a synchronized number; gives its row
function slider(parent, model, name, title) {
  const row = add(parent, "label", { textContent: title });
  const input = add(row, "input", { type: "range", min: 0, max: 1, step: 0.01, ariaLabel: title });
  const output = add(row, "output");
  const show = () => {
    input.value = model.get(name);
    output.textContent = model.get(name).toFixed(2);
  };
  input.oninput = () => {
    model.set(name, Number(input.value));
    output.textContent = Number(input.value).toFixed(2);
    model.save_changes();
  };
  model.on(`change:${name}`, show);
  show();
  return { row, end: () => model.off(`change:${name}`, show) };
}
