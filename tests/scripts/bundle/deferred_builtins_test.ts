import assert from "node:assert/strict";
import nodePath, { join } from "node:path";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { deferBuiltins, deferIn, REPLACEMENTS } from "../../../scripts/bundle/deferred_builtins.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const IMPORTED = `import{deferred as __deferred}from"./deferred.js";`;
const CREATE_HASH = `__deferred(()=>globalThis.process.getBuiltinModule("node:crypto").createHash)`;

const REWRITTEN: [text: string, rewritten: string][] = [
  [
    `import m from"node:fs";m.x();`,
    `const m=__deferred(()=>globalThis.process.getBuiltinModule("node:fs"));m.x();`,
  ],
  [`import{createHash}from"node:crypto";`, `const createHash=${CREATE_HASH};`],
  [`import { createHash as h } from "node:crypto";`, `const h=${CREATE_HASH};`],
  [
    `import{createHash as a,X509Certificate as b}from"node:crypto";`,
    `const a=${CREATE_HASH};` +
    `const b=__deferred(()=>globalThis.process.getBuiltinModule("node:crypto").X509Certificate);`,
  ],
  [
    `var m=__deno_internal_createRequire(import.meta.url);`,
    `var m=__deferred(()=>__deno_internal_createRequire(import.meta.url));`,
  ],
];

for (const [text, rewritten] of REWRITTEN) {
  Deno.test(`deferIn defers ${text}`, () => {
    assert.equal(deferIn(text), IMPORTED + rewritten);
  });
}

const REPLACED: [text: string, rewritten: string][] = [
  [`import p from"node:path";p.x();`, `import p from"./node_path.js";p.x();`],
  [`import{join as j,sep}from"node:path";`, `import{join as j,sep}from"./node_path.js";`],
  [
    `import { EventEmitter as E } from "node:events";class A extends E{}`,
    `import { EventEmitter as E } from "./node_events.js";class A extends E{}`,
  ],
];

for (const [text, rewritten] of REPLACED) {
  Deno.test(`deferIn replaces what ${text} imports`, () => {
    assert.equal(deferIn(text), rewritten);
  });
}

Deno.test("the replacements of Node's modules export what the bundle imports of them", async () => {
  for (const path of REPLACEMENTS) {
    const exported = Object.keys(await import(pathToFileURL(path).href));
    const [, name] = /node_(\w+)\.js$/.exec(path)!;
    const own = await import(`node:${name}`);
    for (const each of exported) {
      assert.ok(each in own, each);
      assert.match(deferIn(`import{${each} as x}from"node:${name}";`), /from"\.\/node_/);
    }
  }
});

Deno.test("the replacement of node:path agrees with it for any paths", async () => {
  const [path] = REPLACEMENTS.filter((path) => path.endsWith("node_path.js"));
  const replacement: typeof nodePath = (await import(pathToFileURL(path!).href)).default;
  const part = fc.constantFrom("", ".", "..", "/", "//", "a", "b.c", ".d", "é:1", "a/b", "C:\\x");
  fc.assert(fc.property(fc.array(part, { maxLength: 6 }), part, part, (parts, one, other) => {
    const [text, from, to] = [parts.join("/"), `/${parts.join("/")}/${one}`, `/${other}`];
    const results = ({ join, resolve, dirname, basename, extname, ...more }: typeof nodePath) => [
      ...[join(...parts), resolve("/x", ...parts), dirname(text), basename(text), extname(text)],
      ...[more.normalize(text), more.isAbsolute(text), more.relative(from, to)],
      ...[more.sep, more.delimiter, more.posix.join(...parts)],
    ];
    assert.deepEqual(results(replacement), results(nodePath));
  }));
});

for (
  const text of [
    `import{matchesGlob as m}from"node:path";`,
    `import{EventEmitter as E,once as o}from"node:events";class A extends E{}`,
    `import{x as y}from"node:async_hooks";`,
    `import{a as b}from"./chunk.js";`,
    `import*as x from"node:fs";`,
    `var s='from"node:fs"';`,
  ]
) {
  Deno.test(`deferIn keeps ${text}`, () => {
    assert.equal(deferIn(text), text);
  });
}

Deno.test("deferBuiltins keeps the behaviour of a module", async () => {
  using folder = new TemporaryFolder();
  write(folder.path, {
    "main.js": `
      import fs from "node:fs";
      import process from "node:process";
      import { createHash as hash, Hash } from "node:crypto";
      import { TextEncoder as Encoder, types } from "node:util";
      export const digest = hash("sha256").update(new Encoder().encode("abc")).digest("hex");
      export const found = fs.existsSync(import.meta.filename);
      export const isHash = hash("sha256") instanceof Hash;
      export const isDate = types.isDate(new Date());
      process.larderTest = "set";
      export const wasSet = globalThis.process.larderTest;
      delete globalThis.process.larderTest;
    `,
  });
  deferBuiltins(folder.path, ["main.js"]);
  const { digest, found, isHash, isDate, wasSet } = await import(
    pathToFileURL(join(folder.path, "main.js")).href
  );
  assert.deepEqual({ digest, found, isHash, isDate, wasSet }, {
    digest: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    found: true,
    isHash: true,
    isDate: true,
    wasSet: "set",
  });
});

Deno.test("deferBuiltins rejects a bundle that loads another builtin at its start", () => {
  using folder = new TemporaryFolder();
  write(folder.path, {
    "main.js": `import"./chunk.js";import("./later.js");`,
    "chunk.js": `import*as fs from"node:fs";`,
    "later.js": `import*as zlib from"node:zlib";`,
  });
  assert.throws(
    () => deferBuiltins(folder.path, ["main.js"]),
    /every start of main.js would load node:fs\nhint: /,
  );
});

function write(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(join(folder, name), text);
  }
}
