/** Makes a component of a JavaScript module, on Node: `componentize.mjs TOOLS MODULE WIT WORLD COMPONENT`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, module, wit, worldName, target] = process.argv.slice(2);
const library = join(
  tools,
  "node_modules/@bytecodealliance/componentize-js/src/componentize.js",
);
const { componentize } = await import(pathToFileURL(library).href);
const { component } = await componentize({
  sourcePath: module,
  witWorld: readFileSync(wit, "utf8"),
  worldName,
});
writeFileSync(target, component);
