// What all pages do: send forms, switch layers of pictures, obey keys, fill in parts that come later.

const told = document.querySelector("#told");
const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
const KEYS_OFF = "blemish-keys-off";

/** Show a sentence: an error, or that all went well. */
export function tell(sentence, fine = false) {
  told.classList.toggle("fine", fine);
  told.textContent = sentence;
  if (fine) setTimeout(() => (told.textContent = ""), 4000);
}

/** Ask the station to change something; gives what it answers, or throws what it says is wrong. */
export async function send(path, values, { method = "POST", type = "application/json" } = {}) {
  const body = type === "application/json" ? JSON.stringify(values ?? {}) : values;
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: { "Content-Type": type, "X-CSRF-Token": csrf, Accept: "application/json" } });
  } catch {
    throw new Error(document.body.dataset.unreachable);
  }
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(typeof said.error === "string" ? said.error : document.body.dataset.failed);
  return said;
}

/** Put a part of a page, made on the server, in its place once its pictures are there. */
export async function fill(place, path = place.dataset.from) {
  const answer = await fetch(path, { headers: { Accept: "text/html" } });
  if (!answer.ok) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
  const shown = [...fresh.querySelectorAll("img")].map((image) => image.decode().catch(() => {}));
  await Promise.race([Promise.all(shown), new Promise((done) => setTimeout(done, 1500))]);
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.keep : null;
  place.replaceChildren(...fresh.childNodes);
  showLayers();
  if (focused) place.querySelector(`[data-keep="${focused}"]`)?.focus();
  askAgain(place, path);
  place.querySelectorAll("[data-from]").forEach((inner) => fill(inner).catch(() => {}));
  return true;
}

/** What says that it is not over yet is asked for again. */
function askAgain(place, path = place.dataset.from) {
  const more = place.querySelector("[data-more]");
  if (more) setTimeout(() => fill(place, path).catch(() => askAgain(place, path)), Number(more.dataset.more));
}

function showLayers() {
  for (const button of document.querySelectorAll("[data-layer]")) {
    button.setAttribute("aria-pressed", String(!document.body.classList.contains(`no-${button.dataset.layer}`)));
  }
}

function switchLayer(layer) {
  document.body.classList.toggle(`no-${layer}`);
  showLayers();
}

async function submit(form, button) {
  const values = Object.fromEntries(new FormData(form, button));
  for (const box of form.querySelectorAll("input[type=checkbox]")) values[box.name] = box.checked;
  for (const field of form.querySelectorAll("[type=number], [type=range]")) values[field.name] = field.value === "" ? null : Number(field.value);
  const buttons = form.querySelectorAll("button");
  buttons.forEach((one) => (one.disabled = true));
  try {
    const said = await send(form.action, values, { method: form.dataset.method });
    if (form.dataset.send === "stay") tell(said.told ?? "", true);
    else if (form.closest("[data-from]:not(#panel)") && !said.next) fill(form.closest("[data-from]"));
    else if (form.dataset.next || said.next) location.assign(form.dataset.next ?? said.next);
    else location.reload();
  } catch (error) {
    tell(error.message);
  } finally {
    buttons.forEach((one) => (one.disabled = false));
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-send]")) return;
  event.preventDefault();
  const asked = event.submitter?.dataset.ask ?? event.target.dataset.ask;
  if (!asked || confirm(asked)) submit(event.target, event.submitter);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-layer], [data-open]");
  if (button?.dataset.layer) switchLayer(button.dataset.layer);
  if (button?.dataset.open) document.getElementById(button.dataset.open).showModal();
});

document.addEventListener("keydown", (event) => {
  const writes = event.target.closest?.("input, textarea, select, dialog[open]");
  if (event.ctrlKey || event.altKey || event.metaKey || writes || localStorage.getItem(KEYS_OFF)) return;
  if (event.key === "?") return document.getElementById("keys")?.showModal();
  if (event.key === "m" || event.key === "o") return switchLayer(event.key === "m" ? "map" : "regions");
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"], nav [aria-keyshortcuts="${CSS.escape(event.key)}"]`);
  if (target) { event.preventDefault(); target.click(); }
});

const keysOn = document.getElementById("keys-on");
if (keysOn) {
  keysOn.checked = !localStorage.getItem(KEYS_OFF);
  keysOn.addEventListener("change", () => (keysOn.checked ? localStorage.removeItem(KEYS_OFF) : localStorage.setItem(KEYS_OFF, "1")));
}
for (const place of document.querySelectorAll("[data-from]:not(#panel)")) {
  if (place.childElementCount) askAgain(place);
  else fill(place).catch(() => {});
}
showLayers();
