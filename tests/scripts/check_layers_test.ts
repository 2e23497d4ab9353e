import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { checkLayers, importsOf } from "../../scripts/check_layers.ts";

const SOUND: Record<string, string> = {
  "deno.json": `{ "imports": { "commander": "npm:commander@15.1.0", "@x/y": "npm:@x/y@1" } }`,
  "main.ts": `import { main } from "./src/cli/main.ts";\n`,
  "src/base/a.ts": `import { join } from "node:path";\n`,
  "src/oci/b.ts": `import "../base/a.ts";\n`,
  "src/store/c.ts": `import "../oci/b.ts";\n`,
  "src/store/d.ts": `import "./c.ts";\n`,
  "src/registry/e.ts": `export * from "../oci/b.ts";\n`,
  "src/pull/f.ts": `import "../store/c.ts";\nimport "../registry/e.ts";\n`,
  "src/cli/main.ts": `import { Command } from "commander";\nimport "@x/y/part";\n`,
  "src/cli/command_tree.ts": `import manifest from "../../deno.json" with { type: "json" };\n`,
};

function check(changes: Record<string, string>): string[] {
  const root = Deno.makeTempDirSync();
  try {
    for (const [path, text] of Object.entries({ ...SOUND, ...changes })) {
      Deno.mkdirSync(dirname(join(root, path)), { recursive: true });
      Deno.writeTextFileSync(join(root, path), text);
    }
    return checkLayers(root);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}

Deno.test("checkLayers accepts imports that run downward", () => {
  assert.deepEqual(check({}), []);
});

const FAULTS: [name: string, file: string, text: string, violation: string][] = [
  [
    "an import upward",
    "src/oci/b.ts",
    `import "../base/a.ts";\nimport "../store/c.ts";\n`,
    "src/oci/b.ts:2: src/oci must not import src/store/c.ts, which is in a higher layer",
  ],
  [
    "an import across a layer",
    "src/store/c.ts",
    `import type { E } from "../registry/e.ts";\n`,
    "src/store/c.ts:1: src/store must not import src/registry/e.ts, which is in the same layer",
  ],
  [
    "an import over several lines",
    "src/base/a.ts",
    `import {\n  one,\n  two,\n} from "../oci/b.ts";\n`,
    "src/base/a.ts:4: src/base must not import src/oci/b.ts, which is in a higher layer",
  ],
  [
    "a lazy import upward",
    "src/pull/f.ts",
    `async function f() {\n  const { m } = await import("../cli/main.ts");\n}\n`,
    "src/pull/f.ts:2: src/pull must not import src/cli/main.ts, which is in a higher layer",
  ],
  [
    "an import() of what is not a literal",
    "src/cli/main.ts",
    `await import(name);\n`,
    "src/cli/main.ts:1: import() must name its module as a literal",
  ],
  ["a folder without a layer", "src/util/g.ts", ``, "src/util/g.ts:1: src/util has no layer"],
  ["a file in no folder", "src/g.ts", ``, "src/g.ts:1: src/ has no layer"],
  [
    "an import of a folder without a layer",
    "src/cli/main.ts",
    `export { g } from "../util/g.ts";\n`,
    "src/cli/main.ts:1: src/util has no layer",
  ],
  [
    "main.ts past the command line",
    "main.ts",
    `import "./src/store/c.ts";\n`,
    "main.ts:1: main.ts must not import src/store/c.ts",
  ],
  [
    "an import from outside src",
    "src/cli/program.ts",
    `import "../../scripts/compile.ts";\n`,
    "src/cli/program.ts:1: scripts/compile.ts is outside src/",
  ],
  [
    "a package that is not mapped",
    "src/base/a.ts",
    `import * as z from "zod/v4";\n`,
    `src/base/a.ts:1: "zod/v4" is not mapped in deno.json`,
  ],
  ...["npm:commander@15", "jsr:@std/path", "https://example.org/a.ts", "file:///a.ts", "/a.ts"].map(
    (specifier): [string, string, string, string] => [
      `the inline specifier ${specifier}`,
      "src/base/a.ts",
      `import "${specifier}";\n`,
      `src/base/a.ts:1: "${specifier}" must be a bare name, mapped in deno.json`,
    ],
  ),
];

for (const [name, file, text, violation] of FAULTS) {
  Deno.test(`checkLayers reports ${name}`, () => {
    assert.deepEqual(check({ [file]: text }), [violation]);
  });
}

Deno.test("checkLayers reports a circle of files", () => {
  const changes = {
    "src/base/a.ts": `import "./b.ts";\n`,
    "src/base/b.ts": `import type { C } from "./c.ts";\n`,
    "src/base/c.ts": `const a = await import("./b.ts");\n`,
  };
  assert.deepEqual(check(changes), ["src/base: b.ts -> c.ts -> b.ts is a circle of imports"]);
});

Deno.test("checkLayers reports a circle of folders whose files have none", () => {
  const changes = {
    "src/pull/one/a.ts": `import "../two/b.ts";\n`,
    "src/pull/two/b.ts": ``,
    "src/pull/two/c.ts": `import "../one/d.ts";\n`,
    "src/pull/one/d.ts": ``,
  };
  assert.deepEqual(check(changes), ["src/pull: one -> two -> one is a circle of imports"]);
});

Deno.test("importsOf ignores imports in comments and strings", () => {
  const text = [
    `// import("./a.ts")`,
    `/** Uses import("./b.ts"). */`,
    ` * import("./c.ts")`,
    `export const from = "../d.ts";`,
    `const text = "import x";`,
  ].join("\n");
  assert.deepEqual(importsOf(text), []);
});

Deno.test("importsOf finds every form of import with its line", () => {
  const text = [
    `import a from "./a.ts";`,
    `import type { B } from "./b.ts";`,
    `import "./c.ts";`,
    `import * as d from "./d.ts";`,
    `export { e } from "./e.ts";`,
    `export type { F } from "./f.ts";`,
    `export * as g from "./g.ts";`,
    `type H = typeof import("./h.ts");`,
    `  const i = await import(`,
    `    "./i.ts"`,
    `  );`,
  ].join("\n");
  assert.deepEqual(
    importsOf(text).map(({ line, specifier }) => `${line} ${specifier}`),
    ["1 ./a.ts", "2 ./b.ts", "3 ./c.ts", "4 ./d.ts", "5 ./e.ts", "6 ./f.ts", "7 ./g.ts"].concat(
      ["8 ./h.ts", "10 ./i.ts"],
    ),
  );
});

Deno.test("checkLayers accepts larder", () => {
  assert.deepEqual(checkLayers(join(import.meta.dirname!, "../..")), []);
});
