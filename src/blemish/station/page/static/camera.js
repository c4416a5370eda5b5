// A camera as it is now: its image, how sharp it is, and how sharp it has been at best.
const view = document.querySelector("#camera");
const at = (id) => document.getElementById(id);
const EVERY_MS = 400;
let best = 0;

function drawHistogram(shares) {
  const most = Math.max(...shares) || 1;
  const bars = shares.map((share, place) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const values = { class: "bar-of", x: place, y: 24 - (24 * share) / most, width: 1, height: (24 * share) / most };
    for (const [name, value] of Object.entries(values)) bar.setAttribute(name, value);
    return bar;
  });
  at("histogram").replaceChildren(...bars);
}

function show(said) {
  if (said.image) at("camera-image").src = said.image;
  if (said.focus === undefined) return;
  best = Math.max(best, said.focus);
  at("sharpness").textContent = (100 * said.focus).toFixed(1);
  at("sharpness-bar").value = best ? (100 * said.focus) / best : 0;
  at("sharpness-best").textContent = view.dataset.best.replace("%", (100 * best).toFixed(1));
  at("brightness").textContent = said.brightness;
  at("clipped").textContent = said.clipped;
  drawHistogram(said.histogram);
  for (const [name, value] of Object.entries(said.settings)) {
    const field = view.querySelector(`[name="${name}"]`);
    if (field && field !== document.activeElement && field.value === "") field.value = value;
  }
}

async function look() {
  const answer = await fetch(view.dataset.look).catch(() => null);
  const said = (await answer?.json().catch(() => null)) ?? { told: document.body.dataset.unreachable };
  show(said);
  at("camera-told").textContent = said.told || said.error || "";
  at("camera-told").hidden = !at("camera-told").textContent;
  setTimeout(look, EVERY_MS);
}

if (view) {
  at("sharpness-reset").addEventListener("click", () => (best = 0));
  look();
}
