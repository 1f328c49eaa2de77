// Memory plans side by side, to one scale: a rectangle a tensor, x in operators, y in bytes.

const PANEL = { width: 460, height: 300 };
const MARGIN = { left: 52, right: 8, top: 24, bottom: 44 };
const COLORS = "#4e79a7 #f28e2b #59a14f #b07aa1 #9c755f #76b7b2 #edc948 #ff9da7".split(" ");
const SCRATCH = "#aaaaaa";

// Round numbers from 0 to the highest, about five
function ticks(highest) {
  const rough = highest / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough);
  return Array.from({ length: Math.floor(highest / step) + 1 }, (_, index) => index * step);
}

// One plan; `choose` is called with the tensor under the mouse. Gives a function that marks it.
function panel(parent, plan, operators, top, choose) {
  const { width, height } = PANEL;
  const root = svg(parent, "svg", { viewBox: `0 0 ${width} ${height}` });
  const x = (operator) =>
    MARGIN.left + (operator / operators) * (width - MARGIN.left - MARGIN.right);
  const floor = height - MARGIN.bottom;
  const y = (bytes) => floor - (bytes / top) * (floor - MARGIN.top);
  svg(root, "text", { x: MARGIN.left, y: 14, class: "title" }, plan.title);
  for (const [begin, end] of plan.peaks)
    svg(root, "rect", {
      x: x(begin),
      y: MARGIN.top,
      width: x(end) - x(begin),
      height: floor - MARGIN.top,
      class: "peak",
    });
  const marked = plan.tensors.map((tensor) => {
    const node = svg(root, "rect", {
      x: x(tensor.begin),
      y: y(tensor.offset + tensor.bytes),
      width: Math.max(0.8, x(tensor.end) - x(tensor.begin)),
      height: Math.max(0.8, y(0) - y(tensor.bytes)),
      fill: tensor.key ? COLORS[(tensor.made_by ?? 0) % COLORS.length] : SCRATCH,
      class: "tensor",
    });
    node.onpointerenter = node.onclick = () => choose(tensor);
    return { tensor, node };
  });
  for (const kib of ticks(top / 1024)) {
    const at = y(kib * 1024);
    svg(root, "text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, kib);
    svg(root, "line", { x1: MARGIN.left - 3, x2: MARGIN.left, y1: at, y2: at, class: "axis" });
  }
  const corner = `M${MARGIN.left},${MARGIN.top} V${floor} H${width - MARGIN.right}`;
  svg(root, "path", { d: corner, class: "axis", fill: "none" });
  for (const operator of ticks(operators - 1))
    svg(root, "text", { x: x(operator + 0.5), y: floor + 24, "text-anchor": "middle" }, operator);
  svg(root, "text", { x: MARGIN.left, y: height - 4 }, "operator, in execution order");
  svg(root, "text", { x: 4, y: MARGIN.top + 2 }, "KiB");
  const arrows = svg(root, "g");

  function arrow(operator, kind) {
    const [at, from] = [x(operator + 0.5), floor + 2];
    svg(arrows, "path", { d: `M${at},${from} l4,8 h-8 z`, class: kind });
  }

  return (chosen) => {
    for (const { tensor, node } of marked) {
      const same = tensor === chosen || (tensor.key && tensor.key === chosen.key);
      node.classList.toggle("chosen", Boolean(same));
    }
    root.classList.add("has-chosen");
    arrows.replaceChildren();
    const key = { x: width - MARGIN.right, y: height - 4, "text-anchor": "end" };
    const legend = svg(arrows, "text", key);
    svg(legend, "tspan", { class: "maker" }, "▲ made by ");
    svg(legend, "tspan", { class: "reader" }, "▲ read by");
    if (chosen.made_by !== null) arrow(chosen.made_by, "maker");
    chosen.read_by.forEach((operator) => arrow(operator, "reader"));
  };
}

function render({ model, el }) {
  el.classList.add("poseutils-widget");
  const panels = add(el, "div", { className: "plans" });
  const about = add(el, "div", { className: "about" });
  add(about, "div", { textContent: "Move the mouse over a tensor. Red: where most is in memory." });
  const plans = model.get("plans");
  const top = 1.05 * Math.max(...plans.map((plan) => plan.bytes));
  const marks = plans.map((plan) => panel(panels, plan, model.get("operators"), top, choose));

  // What is said of the tensor, and of its size and place in each plan that has it
  function choose(tensor) {
    marks.forEach((mark) => mark(tensor));
    const [title, size, ...others] = tensor.about;
    const found = plans.flatMap((plan) =>
      plan.tensors
        .filter((one) => tensor.key && one.key === tensor.key)
        .map((one) => `${plan.title.split(":")[0]}: ${one.about[1]}`)
    );
    const lines = [title, ...(found.length ? found : [size]), ...others];
    about.replaceChildren();
    lines.forEach((line) => add(about, "div", { textContent: line }));
  }
}

export default { render };
