// A folder of images, sent to the station one after the other.
import { fill, send, tell } from "./page.js";

const place = document.querySelector("#setup");
const IMAGE = /\.(png|jpe?g|bmp|tiff?|webp|p[gpn]m|jp2|avif|hei[cf]|jxl)$/i;

document.addEventListener("change", async (event) => {
  if (event.target.id !== "folder") return;
  const files = [...event.target.files].filter((file) => IMAGE.test(file.name)).sort((a, b) => a.name.localeCompare(b.name));
  const bar = place.querySelector("#sending"), told = place.querySelector("#sent");
  bar.hidden = false;
  bar.max = files.length;
  for (const [number, file] of files.entries()) {
    try {
      await send("/setup/images", file, { type: "application/octet-stream" });
    } catch (error) {
      tell(`${file.name}: ${error.message}`);
    }
    bar.value = number + 1;
    told.textContent = place.dataset.sent.replace("{sent}", number + 1).replace("{count}", files.length);
  }
  await fill(place);
});
