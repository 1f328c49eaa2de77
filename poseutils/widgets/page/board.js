// What a board can run. The kernel chooses; this page draws its rows.

// A cell with a bar behind its text; `kind` colors the bar
function bar(row, text, part, kind) {
  const cell = add(row, "td", { textContent: text, className: `bar ${kind}` });
  cell.style.setProperty("--part", `${100 * part}%`);
}

function heads(table, names) {
  const row = add(add(table, "thead"), "tr");
  names.forEach((name) => add(row, "th", { textContent: name }));
  return add(table, "tbody");
}

// Columns in which no row has anything are left out
function networkTable(rows) {
  const table = document.createElement("table");
  const names = Object.keys(rows[0].cells).filter((name) =>
    rows.some(({ cells }) => cells[name] !== "")
  );
  const body = heads(table, names);
  for (const { cells, state, bars } of rows) {
    const row = add(body, "tr", { className: state });
    for (const name of names)
      if (name in bars) bar(row, cells[name], ...bars[name]);
      else add(row, "td", { textContent: cells[name] });
  }
  return table;
}

function peopleTable(rows) {
  const table = document.createElement("table");
  const body = heads(table, ["network", "images", "false alarms", "misses"]);
  for (const one of rows) {
    const row = add(body, "tr");
    add(row, "td", { textContent: one.network });
    add(row, "td", { textContent: one.images });
    for (const share of [one.falseAlarms, one.misses])
      bar(row, `${Math.round(100 * share)} %`, share, "no");
  }
  return table;
}

function render({ model, el }) {
  el.classList.add("poseutils-widget");
  const top = add(el, "div", { className: "controls" });
  const label = add(top, "label", { textContent: "board" });
  const board = add(label, "select", { ariaLabel: "board" });
  board.append(...model.get("boards").map((name) => new Option(name)));
  const least = slider(top, model, "least_oks", "OKS, at least");
  const about = add(el, "div", { className: "figures" });
  const choice = add(el, "div", { className: "count" });
  const networks = add(el, "div", { className: "table" });
  const bottom = add(el, "div", { className: "controls" });
  const threshold = slider(bottom, model, "threshold", "a person, above a score of");
  const people = add(el, "div", { className: "table" });

  function draw() {
    board.value = model.get("board");
    about.textContent = model.get("about");
    choice.textContent = model.get("choice");
    networks.replaceChildren(networkTable(model.get("networks")));
    people.replaceChildren(peopleTable(model.get("people")));
  }

  board.onchange = () => {
    model.set("board", board.value);
    model.save_changes();
  };
  const drawing = ["networks", "people", "choice", "about", "board"];
  drawing.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => {
    drawing.forEach((name) => model.off(`change:${name}`, draw));
    least.end();
    threshold.end();
  };
}

export default { render };
