// A camera as it is now: its image, how sharp it is, and how sharp it has been at best.
const view = document.querySelector("#camera");
const at = (id) => document.getElementById(id);
const EVERY_MS = 400;
let best = 0;

async function look() {
  const answer = await fetch(view.dataset.look).catch(() => null);
  const said = answer?.ok ? await answer.json() : {};
  if (said.image) {
    at("camera-image").src = said.image;
    best = Math.max(best, said.sharpness);
    at("sharpness").textContent = said.sharpness.toFixed(1);
    at("sharpness-bar").value = best ? (100 * said.sharpness) / best : 0;
    at("sharpness-best").textContent = view.dataset.best.replace("%", best.toFixed(1));
    at("brightness").textContent = said.brightness;
    at("clipped").textContent = said.clipped;
  }
  at("camera-told").textContent = said.told ?? document.body.dataset.unreachable;
  at("camera-told").hidden = !at("camera-told").textContent;
  setTimeout(look, EVERY_MS);
}

if (view) {
  at("sharpness-reset").addEventListener("click", () => (best = 0));
  look();
}
