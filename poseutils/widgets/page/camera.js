// The browser's camera. Poses are drawn on the frame that they belong to; those of the kernel are
// fractions of the frame's width and height. One frame is on its way at a time, or two while the
// kernel is fast: the second also brings the acknowledgment that TCP waits for, up to 40 ms, before
// it delivers the answer to the first.

const SIZE = { width: 640, height: 480 }; // asked of the camera
const QUALITY = { frame: 0.85, snapshot: 0.95 }; // of the JPEG files
const MEASURED = 100; // round trips in the figures
const FAST = 25; // milliseconds in the kernel, up to which a second frame is sent
const BUSY = 3000; // milliseconds without an answer until it is said that the kernel is busy
const LOST = 60000; // and until the camera is stopped

const REASONS = {
  NotAllowedError:
    "The camera may not be used: allow it for this page, at the camera symbol beside the address, and start again.",
  NotFoundError: "There is no camera: connect one, and start again.",
  NotReadableError: "The camera is in use: close the other program that uses it, and start again.",
};

function noCamera() {
  return (
    `The browser gives the camera only to pages from this computer or over https, and this page came from ${location.origin}. ` +
    "Open JupyterLab as http://localhost:8888, if it runs elsewhere through ssh -L 8888:localhost:8888, or over https."
  );
}

// The value below which 95 % lie
function percentile95(values) {
  return [...values].sort((a, b) => a - b)[Math.ceil(0.95 * values.length) - 1];
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2); // answers go to every view of the widget
  el.classList.add("poseutils-widget");
  const top = add(el, "div", { className: "controls" });
  const button = add(top, "button", { textContent: "Start camera", className: "main" });
  const snapshot = add(top, "button", { textContent: "Snapshot", disabled: true });
  const chosen = add(add(top, "label", { textContent: "network" }), "select", { ariaLabel: "network" });
  const limits = add(el, "div", { className: "controls" });
  const confidence = slider(limits, model, "confidence", "people");
  const threshold = slider(limits, model, "threshold", "keypoints");
  const shown = add(el, "canvas", SIZE);
  const figures = add(el, "div", { className: "figures" });
  const said = add(el, "div", { className: "said" });

  const video = document.createElement("video");
  Object.assign(video, { muted: true, playsInline: true });
  const sent = new Map(); // the frames on their way, { canvas, at }, by number
  const spare = []; // canvases that were shown
  const small = document.createElement("canvas"); // one at the scale of the network
  let stream = null;
  let starts = 0; // of the camera, so that a late answer of an earlier one is not taken
  let number = 0; // of the newest frame
  let seen = -1; // the video's time of it
  let inKernel = Infinity; // milliseconds, of the last answer
  let trips = []; // milliseconds there and back
  let ends = []; // when frames were shown
  let watch = null;

  function say(text, failed = false) {
    said.textContent = text;
    said.classList.toggle("failed", failed);
    delete said.dataset.busy;
  }

  function copy(canvas, scale) {
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  // At once: toBlob would wait until the browser is idle
  function send(kind, canvas) {
    const file = canvas.toDataURL("image/jpeg", QUALITY[kind]).split(",")[1];
    const bytes = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
    model.send({ kind, view, number }, undefined, [bytes.buffer]);
  }

  function next() {
    if (!stream) return;
    requestAnimationFrame(next);
    const isNew = video.videoWidth && video.currentTime !== seen;
    if (!isNew || sent.size >= (inKernel < FAST ? 2 : 1)) return;
    seen = video.currentTime;
    number += 1;
    const canvas = copy(spare.pop() ?? document.createElement("canvas"), 1);
    sent.set(number, { canvas, at: performance.now() });
    const shorter = Math.min(video.videoWidth, video.videoHeight);
    send("frame", copy(small, Math.min(1, model.get("drawing").side / shorter)));
  }

  function show(frame, people) {
    Object.assign(shown, { width: frame.width, height: frame.height });
    const context = shown.getContext("2d");
    context.drawImage(frame, 0, 0);
    drawPeople(context, people, model.get("drawing"), model.get("threshold"));
  }

  function measure(trip) {
    const now = performance.now();
    trips = [...trips, trip].slice(-MEASURED);
    ends = [...ends, now].slice(-MEASURED);
    if (ends.length < 2) return;
    const rate = (1000 * (ends.length - 1)) / (now - ends[0]);
    figures.textContent =
      `${rate.toFixed(1)} frames/s · round trip ${median(trips).toFixed(0)} ms, ` +
      `95 % below ${percentile95(trips).toFixed(0)} ms · ${inKernel.toFixed(0)} ms in the kernel`;
  }

  function receive(content) {
    if (content.view !== undefined && content.view !== view) return;
    if (content.kind === "said") return say(content.text, content.failed);
    const frame = sent.get(content.number);
    if (!frame || !stream) return;
    if (content.kind === "failed") {
      stop();
      return say(content.text, true);
    }
    if (said.dataset.busy) say("");
    sent.delete(content.number);
    inKernel = content.milliseconds;
    show(frame.canvas, content.people);
    spare.push(frame.canvas);
    measure(performance.now() - frame.at);
  }

  function watchKernel() {
    const [oldest] = sent.values();
    const waited = oldest ? performance.now() - oldest.at : 0;
    if (waited > LOST) {
      stop();
      say("The kernel does not answer, and the camera is stopped: run this cell again.", true);
    } else if (waited > BUSY) {
      say("Waiting for the kernel: it loads a network, or runs a cell.");
      said.dataset.busy = true;
    }
  }

  async function start() {
    if (!window.isSecureContext || !navigator.mediaDevices) return say(noCamera(), true);
    const mine = ++starts;
    say("");
    button.textContent = "Stop camera";
    let opened;
    try {
      opened = await navigator.mediaDevices.getUserMedia({ video: SIZE });
    } catch (error) {
      if (mine !== starts) return;
      stop();
      return say(REASONS[error.name] || `The browser gives no camera: ${error.message}`, true);
    }
    if (mine !== starts) return opened.getTracks().forEach((track) => track.stop());
    stream = opened;
    stream.getVideoTracks()[0].onended = () => {
      stop();
      say("The camera was taken away: connect it, and start again.", true);
    };
    video.srcObject = stream;
    await video.play();
    snapshot.disabled = false;
    [trips, ends, inKernel] = [[], [], Infinity];
    sent.clear();
    watch = setInterval(watchKernel, 1000);
    next();
  }

  function stop() {
    starts += 1;
    clearInterval(watch);
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    snapshot.disabled = true;
    button.textContent = "Start camera";
  }

  function choose() {
    chosen.replaceChildren(...model.get("networks").map((name) => new Option(name)));
    chosen.value = model.get("network");
  }

  function fit() {
    confidence.row.style.display = model.get("drawing").confidence ? "" : "none";
  }

  button.onclick = () => (button.textContent === "Start camera" ? start() : stop());
  snapshot.onclick = () => {
    send("snapshot", copy(document.createElement("canvas"), 1));
  };
  chosen.onchange = () => {
    model.set("network", chosen.value);
    model.save_changes();
    [trips, ends] = [[], []];
  };
  model.on("msg:custom", receive);
  model.on("change:network", choose);
  model.on("change:drawing", fit);
  choose();
  fit();
  return () => {
    stop();
    model.off("msg:custom", receive);
    model.off("change:network", choose);
    model.off("change:drawing", fit);
    confidence.end();
    threshold.end();
  };
}

export default { render };
