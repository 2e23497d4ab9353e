import assert from "node:assert/strict";
import {
  adaptComponent,
  adaptTranspiler,
  adaptWasmTools,
} from "../../../../src/run/engine/adaptations/adapt_scripts.ts";
import { LIMITING_FUNCTIONS } from "../../../../src/run/engine/adaptations/call_limits.ts";
import {
  readPackageFile,
  TRANSPILER_FILES,
} from "../../../../src/run/engine/compile/transpiler_files.ts";
import { readWrapper } from "../../../../src/run/engine/compile/wrapper_files.ts";

/** The parts of the transpiler's script that the steps replace, in the form that jco 1.10.2 gives them. */
const TRANSPILER = `\
import { environment, exit as exit$1 } from '@bytecodealliance/preview2-shim/cli';
import { preopens, types } from '@bytecodealliance/preview2-shim/filesystem';
import { error, streams } from '@bytecodealliance/preview2-shim/io';
import { random } from '@bytecodealliance/preview2-shim/random';
export const $init = (() => {
    const module0 = fetchCompile(new URL('./a.core.wasm', import.meta.url));
    const module1 = fetchCompile(new URL('./b.core.wasm', import.meta.url));
})();
export { generate, generateTypes,  }
`;

const TRANSPILER_BODY = `\
const { environment, exit: exit$1 } = host.cli;
const { preopens, types } = host.filesystem;
const { error, streams } = host.io;
const { random } = host.random;
const $init = (() => {
    const module0 = compileCore('a.core.wasm');
    const module1 = compileCore('b.core.wasm');
})();
return { $init, generate, generateTypes,  }
`;

const COMPONENT = `\
export function instantiate(getCoreModule, imports) {
  if (!getCoreModule) getCoreModule = (name) => fetchCompile(new URL(\`./\${name}\`, import.meta.url));
  return imports['import.meta.url'];
}`;

const COMPONENT_BODY = `\
function instantiate(getCoreModule, imports) {
  if (!getCoreModule) getCoreModule = (name) => fetchCompile(new URL(\`./\${name}\`, undefined));
  return imports['import.meta.url'];
}
return instantiate;`;

Deno.test("adaptTranspiler turns the module into a function body", () => {
  assert.equal(adaptTranspiler(TRANSPILER, "0.2"), TRANSPILER_BODY);
});

Deno.test("adaptWasmTools turns the module into a function body", () => {
  const newer = `  if (!globalThis?.process?.env?.JCO_DEBUG) { return; }\n`;
  const [module, body] = [TRANSPILER, TRANSPILER_BODY].map((text) =>
    text.replace("generate, generateTypes", "tools")
  );
  const util = "export const _util = {}\n";
  assert.equal(
    adaptWasmTools(newer + module! + util),
    `  return;\n${body}${util.replace("export ", "")}`,
  );
  assert.throws(
    () => adaptWasmTools(newer + TRANSPILER + util),
    /"return the exports" found 0 places, not 1/,
  );
});

Deno.test("adaptWasmTools adapts the script of the pinned package", () => {
  const { script } = readWrapper();
  assert.doesNotThrow(() => new Function("host", "compileCore", script));
  assert.doesNotMatch(script, /preview2-shim|import\.meta/);
});

for (const file of TRANSPILER_FILES.filter(({ name }) => name.endsWith(".js"))) {
  Deno.test(`adaptTranspiler adapts the script of the pinned package for WASI ${file.wasi}`, () => {
    const script = new TextDecoder().decode(readPackageFile(file));
    assert.doesNotThrow(() => new Function("host", "compileCore", script));
    assert.doesNotMatch(script, /preview2-shim|import\.meta|process\?\.env/);
  });
}

const CHANGES: [step: string, from: string, to: string][] = [
  ["take the WASI host from the parameter host", "preview2-shim/io", "preview3-shim/io"],
  ["take the core modules from the parameter compileCore", "./b.core.wasm", "../b.core.wasm"],
  ["keep $init as a variable", "const $init", "let $init"],
  ["return the exports", "export { generate, ", "export { transpile, "],
];

for (const [step, from, to] of CHANGES) {
  Deno.test(`adaptTranspiler fails if it cannot ${step}`, () => {
    const changed = TRANSPILER.replace(from, to);
    assert.notEqual(changed, TRANSPILER);
    assert.throws(
      () => adaptTranspiler(changed, "0.2"),
      (error: Error) => error.message.includes(step),
    );
  });
}

Deno.test("adaptComponent turns a module into a function body and leaves names alone", () => {
  assert.equal(adaptComponent(COMPONENT, "0.2"), LIMITING_FUNCTIONS + COMPONENT_BODY);
});

Deno.test("adaptComponent fails for a module of another form", () => {
  for (
    const [from, to] of [["./${", "/${"], ["function instantiate", "async function instantiate"]]
  ) {
    const changed = COMPONENT.replace(from!, to!);
    assert.notEqual(changed, COMPONENT);
    assert.throws(
      () => adaptComponent(changed, "0.2"),
      /cannot adapt jco's script: .* found 0 places/,
    );
  }
});

/** The parts of a script for WASI 0.3 that the steps replace, in the form that jco-transpile 0.15.0 gives them. */
const TASKS = `\
  if (freeIdx === 0) {
    this.#data.push(val);
  }
  if (!globalThis?.process?.env?.JCO_DEBUG) { return; }
  setTimeout(async () => {
    this.#tickLoop = null;
  }, 10);
  if (this.#errored === null) { this.#errored = err; }
  this.#exited = true;
  let waitInterval = setInterval(() => {
    if (!this.hasPendingEvent()) { return; }
  });
  throw new Error("missing pending event after blocked stream read");
  return (async () => {
    try {
      return await fn.apply(null, args);
    } finally {}
  })();
  const INSTANCE_FLAGS = new Map();
  this.#pendingEventFn = fn;
  await new Promise((resolve) => setTimeout(resolve, delay));
  export const _util = {}
`;

Deno.test("adaptComponent connects a script for WASI 0.3 with the task of its instance", () => {
  const body = adaptComponent(COMPONENT + "\n" + TASKS, "0.3");
  assert.doesNotMatch(body, /process|export|, 10\)/);
  assert.match(body, /#exited = true; if .* imports\['larder:task'\]\.exited\(\)/);
  assert.match(body, /imports\['larder:task'\]\.failed\(err\)/);
  assert.match(body, /!this\.hasPendingEvent\(\) && !imports\['larder:task'\]\.isOver/);
});

for (
  const part of [
    "freeIdx",
    "JCO_DEBUG",
    "#tickLoop",
    "#errored ===",
    "#exited",
    "const _util",
    "fn.apply",
    "INSTANCE_FLAGS",
    "#pendingEventFn",
    "setTimeout(resolve",
  ]
) {
  Deno.test(`adaptComponent fails for a script for WASI 0.3 without ${part}`, () => {
    const changed = COMPONENT + "\n" + TASKS.replace(part, "changed");
    assert.throws(() => adaptComponent(changed, "0.3"), /cannot adapt jco's script/);
  });
}

/** What a component passes in a call, in the form of jco 1.10.2. */
const CALL = `
    function trampoline1(arg0, arg1) {
      for (let i = 0; i < len2; i++) {
        var result0 = utf8Decoder.decode(new Uint8Array(memory0.buffer, ptr0, len0));
        var result1 = new Uint8Array(memory0.buffer.slice(ptr1, ptr1 + len1 * 1));
`;

Deno.test("adaptComponent limits what a call passes", () => {
  assert.match(
    adaptComponent(COMPONENT + CALL, "0.2"),
    /\{ \$passed = 0;\n *\$pass\(len2, 256\); for .*\n.*, \$pass\(len0, 1\)\)\);\n.* \$pass\(len1, 1\) \* 1\)/,
  );
});

for (const [from, to] of [["ptr0, len0", "ptr0, size0"], ["ptr1 + len1", "len1 + ptr1"]]) {
  Deno.test(`adaptComponent fails for a call with ${to}, which it would leave without a limit`, () => {
    const changed = COMPONENT + CALL.replace(from!, to!);
    assert.throws(() => adaptComponent(changed, "0.2"), /"leave no .* without a limit" found 1/);
  });
}

Deno.test("adaptComponent has empty strings allocated", () => {
  const encode = `
  function utf8Encode(s, realloc, memory) {
    if (s.length === 0) {
      utf8EncodedLen = 0;
      return 1;
    }`;
  assert.match(adaptComponent(COMPONENT + encode, "0.2"), /return realloc\(0, 0, 1, 0\);/);
  const functions = ["function encode", "async function encodeLater"].map((start) => `
  ${start}(s, realloc, memory) {
    if (s.length === 0) { return { ptr: 1, len: 0 }; }
  }`);
  const body = adaptComponent(`${COMPONENT}\n${TASKS}${functions.join("")}`, "0.3");
  const pointers = [...body.matchAll(/ptr: (.*), len/g)].map(([, pointer]) => pointer);
  assert.deepEqual(pointers, ["realloc(0, 0, 1, 0)", "await realloc(0, 0, 1, 0)"]);
});
