// A box dragged over a picture, as shares of its width and height: where a defect is.
let start = null, shown = null;

function field() { return document.querySelector("[data-box]"); }

function share(event, image) {
  const box = image.getBoundingClientRect();
  const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
  const wide = image.naturalWidth * scale, high = image.naturalHeight * scale;
  const x = (event.clientX - box.left - (box.width - wide) / 2) / wide;
  const y = (event.clientY - box.top - (box.height - high) / 2) / high;
  return [x, y].map((value) => Math.min(1, Math.max(0, value)));
}

function draw(event) {
  const [x0, y0, x1, y1] = [start.x, start.y, event.clientX, event.clientY];
  const frame = start.layers.getBoundingClientRect();
  shown.setAttribute("x", Math.min(x0, x1) - frame.left);
  shown.setAttribute("y", Math.min(y0, y1) - frame.top);
  shown.setAttribute("width", Math.abs(x1 - x0));
  shown.setAttribute("height", Math.abs(y1 - y0));
}

document.addEventListener("pointerdown", (event) => {
  const layers = event.target.closest(".layers");
  if (!layers || !field()) return;
  event.preventDefault();
  start = { x: event.clientX, y: event.clientY, layers, from: share(event, layers.querySelector(".plain")) };
  layers.querySelector("svg.box")?.remove();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "box");
  shown = svg.appendChild(document.createElementNS(svg.namespaceURI, "rect"));
  layers.append(svg);
});
document.addEventListener("pointermove", (event) => { if (start) draw(event); });
document.addEventListener("pointerup", (event) => {
  if (!start) return;
  const to = share(event, start.layers.querySelector(".plain"));
  const [x, y] = [0, 1].map((axis) => [start.from[axis], to[axis]].sort((a, b) => a - b));
  field().value = [x[0], y[0], x[1], y[1]].map((value) => value.toFixed(4)).join(",");
  start = null;
});
