// node in_node.mjs FOLDER MODEL RESULT
import { readFileSync, openSync, writeSync } from "node:fs";
import { judge, open } from "./judge.mjs";
import { judgeAll } from "./judge_all.mjs";

const [, , folder, model, result] = process.argv;
const out = openSync(result, "w");
await judgeAll(
  judge,
  await open(model),
  new Uint8Array(readFileSync(`${folder}/images.bin`)),
  JSON.parse(readFileSync(`${folder}/images.json`, "utf8")),
  (numbers) => writeSync(out, new Uint8Array(numbers.buffer)),
);
