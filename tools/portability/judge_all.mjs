// What judge.py does, with the code of a how-to page: `judge` is its function.
// Of each image score, verdict, threshold, pixel threshold, then its map; float32.
export async function judgeAll(judge, session, pixels, sizes, write) {
  let start = 0;
  for (const [height, width] of sizes) {
    const image = pixels.slice(start, (start += height * width * 3));
    const found = await judge(session, image, height, width);
    await write(Float32Array.of(found.score, +found.defect, found.threshold, found.pixelThreshold));
    await write(Float32Array.from(found.scoreMap));
  }
}
