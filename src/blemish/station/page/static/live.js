// The verdict as it comes. Whatever is not known to be so now is never shown as good.
import { fill } from "./page.js";

const PANEL_MS = 700; // between two exchanges of what is below the band
const band = document.querySelector("#band");
const panel = document.querySelector("#panel");
const words = band.dataset;
let stream, heard = 0, now = null, filling = false, stale = true;

function symbol(outcome) {
  const found = band.querySelector(`template[data-symbol="${outcome}"]`) ?? band.querySelector('template[data-symbol="not inspected"]');
  band.querySelector(".mark").replaceChildren(found.content.cloneNode(true));
}

function show(outcome, word, part, line) {
  if (band.dataset.outcome !== outcome || band.dataset.shown !== word) symbol(outcome);
  band.dataset.outcome = outcome;
  band.dataset.shown = word;
  for (const [name, text] of [["word", word], ["part", part], ["line", line]]) {
    const place = band.querySelector(`.${name}`);
    if (place.textContent !== text) place.textContent = text;
  }
  band.querySelector(".word").classList.toggle("long", word.length > 8);
}

function ago(seconds) {
  if (seconds < 2) return "";
  const [text, count] = seconds < 120 ? [words.seconds, Math.round(seconds)] : [words.minutes, Math.round(seconds / 60)];
  return text.replace("{count}", count);
}

function draw() {
  const silent = (performance.now() - heard) / 1000 > Number(words.silentAfter);
  const last = now?.last;
  let old = false;
  if (!now && !silent) return;
  if (silent) show("lost", words.lost, "", words.lostTold);
  else if (!now.alive) show("lost", words.stopped, "", now.told || words.stoppedTold);
  else if (!last) show("waiting", words.waiting, "", words.waitingTold);
  else {
    show(last.outcome, last.word, last.part, last.line);
    old = now.age + (performance.now() - heard) / 1000 > Number(words.agedAfter);
  }
  document.body.classList.toggle("lost", band.dataset.outcome === "lost");
  const known = now && !silent && now.alive && last;
  band.classList.toggle("aged", Boolean(known && old));
  band.querySelector(".ago").textContent = known ? ago(now.age + (performance.now() - heard) / 1000) : "";
}

async function exchange() {
  if (filling || !stale) return;
  filling = true;
  stale = false;
  panel.classList.toggle("old", !(await fill(panel).catch(() => false)));
  setTimeout(() => { filling = false; exchange(); }, PANEL_MS);
}

function listen() {
  stream?.close();
  stream = new EventSource("/live/stream");
  stream.onmessage = (event) => {
    const said = JSON.parse(event.data);
    if (said.changed) stale = true;
    now = said;
    heard = performance.now();
    draw();
    exchange();
  };
  stream.onerror = async () => {
    if (stream.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const answer = await fetch(panel.dataset.from).catch(() => null);
    if (answer?.status === 401) location.reload(); // the session is over: sign in
    else setTimeout(listen, 2000);
  };
}

listen();
draw();
setInterval(draw, 250);
