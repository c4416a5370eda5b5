// Finds the pages that hold all words typed; the index is a script, so that it also loads from a disk.
const field = document.querySelector("#words");
const list = document.querySelector("#found");
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? PAGES.map((page) => ({ page, rank: rank(page, words) })) : [];
  const shown = found.filter((one) => one.rank > 0).sort((one, other) => other.rank - one.rank);
  list.replaceChildren(...shown.slice(0, 30).map(({ page }) => entry(page)));
});
function rank(page, words) {
  const title = page.title.toLowerCase();
  const text = page.words.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const times = text.split(word).length - 1 + 20 * title.includes(word);
    if (!times) return 0;
    sum += times;
  }
  return sum;
}
function entry(page) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = page.href;
  link.textContent = page.title;
  item.append(link);
  return item;
}
field.focus();
