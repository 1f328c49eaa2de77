// An explorer of predictions. The kernel gives the image, and the people of each network as
// fractions of its width and height; what is drawn of them is decided here, at once.

const WIDEST = 560; // of an image in pixels on the screen
const AS_IT_IS = 4e6; // bytes of a file up to which it is sent unchanged
const LONGER_SIDE = 2000; // pixels to which larger ones are scaled

function toImage(bytes, type) {
  return createImageBitmap(new Blob([bytes], { type }));
}

// The bytes of a file, or of a smaller image made of it, as a connection to the kernel has a limit
async function toSend(file) {
  if (file.size <= AS_IT_IS) return file.arrayBuffer();
  const image = await createImageBitmap(file);
  const scale = Math.min(1, LONGER_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  return blob.arrayBuffer();
}

function drawNames(context, people, names, threshold) {
  const shorter = Math.min(context.canvas.width, context.canvas.height);
  context.font = `${Math.max(11, shorter / 40)}px sans-serif`;
  context.lineWidth = 3;
  for (const { points } of people)
    points.forEach(([x, y, score], index) => {
      if (score < threshold) return;
      const place = [x * context.canvas.width + 6, y * context.canvas.height - 4];
      context.strokeStyle = "rgba(0, 0, 0, 0.7)";
      context.fillStyle = "#fff";
      context.strokeText(names[index], ...place);
      context.fillText(names[index], ...place);
    });
}

// The scores of one network: a line a person, which opens to a line a keypoint. `opened` keeps by
// their number which are open.
function list(parent, { people, names, colors }, threshold, opened) {
  const count = people.length === 1 ? "1 person" : `${people.length} people`;
  add(parent, "div", { textContent: people.length ? count : "no person found", className: "count" });
  people.forEach(({ score, points }, person) => {
    const box = add(parent, "details", { open: opened.get(person) ?? people.length === 1 });
    box.ontoggle = () => opened.set(person, box.open);
    const sure = points.filter((point) => point[2] >= threshold).length;
    const text = `person ${person + 1}: score ${score.toFixed(2)}, ${sure} of ${points.length} keypoints`;
    add(box, "summary", { textContent: text });
    const rows = add(box, "div", { className: "scores" });
    points.forEach(([, , value], index) => {
      const row = add(rows, "div", { className: value < threshold ? "low" : "" });
      add(row, "span", { className: "dot" }).style.background = colors[index];
      add(row, "span", { textContent: `${names[index]} ${value.toFixed(2)}` });
    });
  });
}

function render({ model, el }) {
  el.classList.add("poseutils-widget");
  const top = add(el, "div", { className: "controls" });
  const image = choice(top, "image", () => model.get("images"));
  const upload = add(top, "input", { type: "file", accept: "image/*", hidden: true });
  const button = add(top, "button", { textContent: "Upload or drop an image" });
  const form = add(top, "form");
  const hint = { placeholder: "https:// address of an image", ariaLabel: "address" };
  const address = add(form, "input", { type: "url", size: 28, ...hint });
  add(form, "button", { textContent: "Open" });
  const middle = add(el, "div", { className: "controls" });
  const first = choice(middle, "network", () => model.get("networks"));
  const second = choice(middle, "beside", () => ["", ...model.get("networks")]);
  const limits = add(el, "div", { className: "controls" });
  const confidence = slider(limits, model, "confidence", "people");
  const threshold = slider(limits, model, "threshold", "keypoints");
  const heatmap = choice(limits, "heatmap", () => ["none", "all", ...heatmapNames()]);
  const names = add(limits, "label", { textContent: "names" });
  const named = add(names, "input", { type: "checkbox", ariaLabel: "names" });
  const said = add(el, "div", { className: "said failed" });
  const panels = add(el, "div", { className: "panels" });
  const opened = [new Map(), new Map()]; // of each network
  let newest = 0; // the drawing that was begun last

  function choice(parent, title, list) {
    const label = add(parent, "label", { textContent: title });
    const select = add(label, "select", { ariaLabel: title });
    const update = (value) => {
      const options = list();
      const same = options.length === select.length && options.every((n, i) => select[i].text === n);
      if (!same) select.replaceChildren(...options.map((name) => new Option(name)));
      select.value = value;
    };
    return { label, select, update };
  }

  function heatmapNames() {
    const found = model.get("results").find((result) => result.heatmaps);
    return found ? found.names : [];
  }

  function controls() {
    image.update(null);
    image.select.selectedIndex = model.get("image");
    first.update(model.get("first"));
    second.update(model.get("second"));
    heatmap.update(model.get("heatmap"));
    if (heatmap.select.selectedIndex < 0) heatmap.select.value = "none"; // not one of this network
    const results = model.get("results");
    heatmap.label.style.display = heatmapNames().length ? "" : "none";
    confidence.row.style.display = results.some((result) => result.limited) ? "" : "none";
    said.textContent = model.get("said");
  }

  async function draw() {
    controls();
    const mine = ++newest;
    const results = model.get("results");
    if (!results.length) return;
    const photo = await toImage(model.get("photo"), "image/jpeg");
    const heats = await Promise.all(
      results.map(({ heat }) => (heat.byteLength ? toImage(heat, "image/png") : null))
    );
    if (mine !== newest) return;
    const limit = model.get("threshold");
    const drawn = results.map((result, index) => {
      const panel = document.createElement("div");
      if (results.length > 1) add(panel, "div", { textContent: result.name, className: "count" });
      const scale = Math.max(1, WIDEST / photo.width); // small ones are enlarged
      const width = Math.round(photo.width * scale);
      const canvas = add(panel, "canvas", { width, height: Math.round(photo.height * scale) });
      const context = canvas.getContext("2d");
      context.drawImage(photo, 0, 0, canvas.width, canvas.height);
      if (heats[index]) context.drawImage(heats[index], 0, 0, canvas.width, canvas.height);
      drawPeople(context, result.people, result, limit);
      if (named.checked) drawNames(context, result.people, result.names, limit);
      list(add(panel, "div"), result, limit, opened[index]);
      return panel;
    });
    panels.className = drawn.length > 1 ? "panels" : "panels one";
    panels.replaceChildren(...drawn);
  }

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  async function give(file) {
    said.textContent = "";
    try {
      model.send({ name: file.name }, undefined, [await toSend(file)]);
    } catch {
      said.textContent = `${file.name} is large, and not an image that this browser reads: convert it to JPEG.`;
    }
  }

  image.select.onchange = () => set("image", image.select.selectedIndex);
  first.select.onchange = () => set("first", first.select.value);
  second.select.onchange = () => set("second", second.select.value);
  heatmap.select.onchange = () => set("heatmap", heatmap.select.value);
  named.onchange = draw;
  button.onclick = () => upload.click();
  upload.onchange = () => upload.files.length && give(upload.files[0]);
  form.onsubmit = (event) => {
    event.preventDefault();
    said.textContent = "";
    model.send({ name: address.value.trim() });
  };
  el.ondragover = (event) => event.preventDefault();
  el.ondrop = (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (event.dataTransfer.files.length) give(event.dataTransfer.files[0]);
  };
  const drawing = ["results", "photo", "threshold", "said", "images", "image"];
  drawing.forEach((name) => model.on(`change:${name}`, draw));
  draw();
  return () => {
    drawing.forEach((name) => model.off(`change:${name}`, draw));
    confidence.end();
    threshold.end();
  };
}

export default { render };
