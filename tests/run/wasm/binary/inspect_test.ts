import fc from "fast-check";
import assert from "node:assert/strict";
import { join } from "node:path";
import { LarderError } from "../../../../src/base/errors.ts";
import {
  inspectWasm,
  inspectWasmFile,
  type WasmBinary,
} from "../../../../src/run/wasm/binary/inspect.ts";
import { run } from "../../../support/cli/commands.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import {
  type Bytes,
  COMPONENT_HEADER,
  encodeComponent,
  encodeModule,
  list,
  MODULE_HEADER,
  name,
  section,
  u32,
} from "../../../support/wasm/wasm_encoder.ts";

/** Returns the error of a function, which has to be LDR_BAD_WASM. */
function badWasm(body: () => unknown): LarderError {
  try {
    body();
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    assert.equal(error.code, "LDR_BAD_WASM");
    return error;
  }
  assert.fail("it did not fail");
}

const inspected = (...bytes: Bytes[]) => inspectWasm(Uint8Array.from(bytes.flat()), "app.wasm");
const reasonOf = (...bytes: Bytes[]) => badWasm(() => inspected(...bytes)).message;

/** Compiles WebAssembly text with wat2wasm and returns the path of the module. */
async function compiled(folder: TemporaryFolder, wat: string): Promise<string> {
  const path = join(folder.path, "it.wasm");
  Deno.writeTextFileSync(`${path}.wat`, wat);
  await run("wat2wasm", ["--enable-all", `${path}.wat`, "-o", path]);
  return path;
}

Deno.test("inspectWasmFile reads a module of wat2wasm with imports of every kind", async () => {
  using folder = new TemporaryFolder();
  const path = await compiled(
    folder,
    `(module
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "env" "memory" (memory 1 2))
      (import "env" "large" (memory i64 1))
      (import "env" "shared" (memory 1 2 shared))
      (import "env" "table" (table 1 200 funcref))
      (import "env" "references" (table 1 externref))
      (import "env" "global" (global (mut i64)))
      (import "env" "tag" (tag (param i32)))
      (import "" "an empty name ✓" (func))
      (func (export "_start"))
      (export "memory" (memory 0))
      (global (export "g") i32 (i32.const 1))
      (data (memory 0) (i32.const 0) "some data"))`,
  );
  const expected = {
    kind: "module",
    size: Deno.statSync(path).size,
    imports: [
      ["wasi_snapshot_preview1", "fd_write"],
      ["env", "memory"],
      ["env", "large"],
      ["env", "shared"],
      ["env", "table"],
      ["env", "references"],
      ["env", "global"],
      ["env", "tag"],
      ["", "an empty name ✓"],
    ].map(([module, name]) => ({ module, name })),
    exports: ["_start", "memory", "g"],
  };
  assert.deepEqual(inspectWasmFile(path), expected);
  assert.deepEqual(inspectWasm(Deno.readFileSync(path), "it"), expected);
});

Deno.test("inspectWasm reads a component of a real compiler, without nested binaries", () => {
  // (component
  //   (import "wasi:cli/environment@0.2.3" (instance … )) (import "log" (func …))
  //   (core module …) (core module …)
  //   (component (import "secret" (func)) (export "hidden" (func 0)))
  //   (export "wasi:cli/run@0.2.3" (instance …)) (export "start" (func …)))
  const component =
    "AGFzbQ0AAQAHHQFCAwFwcwFAAAAABAANZ2V0LWFyZ3VtZW50cwEBCh8BABp3YXNpOmNsaS9lbnZpcm9ubWVudEAwLjIuMwUABwsBQAEEbGluZXMBAAoIAQADbG9nAQEBKQBhc20BAAAABQMBAAEHCgEGbWVtb3J5AgAADgRuYW1lAAcGbWVtb3J5AUMAYXNtAQAAAAEFAWAAAX8CDwEDZW52Bm1lbW9yeQIAAQMCAQAHBwEDcnVuAAAKBgEEAEEACwAMBG5hbWUABQRtYWluBEMAYXNtDQABAAcFAUAAAQAKCwEABnNlY3JldAEACwwBAAZoaWRkZW4BAAAAFw5jb21wb25lbnQtbmFtZQAGBWlubmVyAg0CAAAAAAEBA2VudhIABwgCagAAQAAAAgYJAQAAAQEDcnVuCAYBAAAAAAMFCgEBAQADcnVuAQELIgIAEndhc2k6Y2xpL3J1bkAwLjIuMwUBAAAFc3RhcnQBAQAAXA5jb21wb25lbnQtbmFtZQERABECAAZtZW1vcnkBBG1haW4BCQASAgABbQEBaQEMAQIAA2xvZwEDcnVuAQkEAQAFaW5uZXIBFAUCAAtlbnZpcm9ubWVudAEDY2xp";
  const bytes = Uint8Array.from(atob(component), (each) => each.charCodeAt(0));
  assert.deepEqual(inspectWasm(bytes, "it"), {
    kind: "component",
    size: 462,
    imports: ["wasi:cli/environment@0.2.3", "log"],
    exports: ["wasi:cli/run@0.2.3", "start"],
  });
});

const text = fc.string({ unit: fc.constantFrom(..."abz019-._:/@é✓ "), maxLength: 20 });

Deno.test("inspectWasm reads the names in a module", () => {
  fc.assert(fc.property(fc.array(fc.tuple(text, text)), fc.array(text), (imports, exports) => {
    const binary = inspectWasm(encodeModule({ imports, exports }), "it");
    assert.deepEqual(binary.imports, imports.map(([module, name]) => ({ module, name })));
    assert.deepEqual(binary.exports, exports);
  }));
});

Deno.test("inspectWasm reads the names in a component", () => {
  fc.assert(fc.property(fc.array(text), fc.array(text), (imports, exports) => {
    const binary = inspectWasm(encodeComponent({ imports, exports }), "it");
    assert.deepEqual([binary.imports, binary.exports], [imports, exports]);
  }));
});

Deno.test("inspectWasm reads imports and exports in several sections and every encoding", () => {
  const binary = inspected(
    COMPONENT_HEADER,
    section(10, list([[0x00, ...name("a"), 0x01, 0x00]])), // A function.
    section(10, list([[0x01, ...name("x:y/b"), 0x05, 0x80, 0x01]])), // An instance; the older encoding of a name.
    section(
      10,
      list([
        // With attributes: a version suffix, and an interface that it implements.
        [
          0x02,
          ...name("x:y/c@0.2"),
          ...list([[0x01, ...name(".3")], [0x00, ...name("p:q/r")]]),
          5,
          0,
        ],
        [0x00, ...name("d"), 0x00, 0x11, 0x00], // A core module.
        [0x00, ...name("e"), 0x03, 0x00, 0x05], // A type by index,
        [0x00, ...name("f"), 0x03, 0x01], // any resource,
        [0x00, ...name("g"), 0x04, 0x00], // a component,
        [0x00, ...name("h"), 0x02, 0x01, 0x7f], // a value of some type.
      ]),
    ),
    section(11, list([[0x00, ...name("i"), 0x00, 0x11, 0x00, 0x00]])),
    section(11, list([[0x02, ...name("j"), ...list([]), 0x01, 0x00, 0x01, 0x01, 0x00]])),
  );
  assert.deepEqual(binary.imports, ["a", "x:y/b", "x:y/c@0.2", "d", "e", "f", "g", "h"]);
  assert.deepEqual(binary.exports, ["i", "j"]);
});

const kilobyte = [...new Uint8Array(1024)];
const bytesOf = (content: string) => [...new TextEncoder().encode(content)];

for (
  const [kind, bytes, reason] of [
    ["an empty file", [], /it is empty$/],
    ["gzip", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], /gzip/],
    ["zstd", [0x28, 0xb5, 0x2f, 0xfd, 0], /zstd/],
    ["a zip archive", bytesOf("PK\x03\x04…"), /zip/],
    ["an ELF program", [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], /ELF/],
    ["a Windows program", bytesOf("MZ\x90\0"), /Windows/],
    ["a web page", bytesOf("\n<!DOCTYPE HTML><title>Sign in</title>"), /HTML/],
    ["a web page without a type", bytesOf("<html lang=en>"), /HTML/],
    ["XML", bytesOf('<?xml version="1.0"?>'), /XML/],
    ["JSON", bytesOf('{"errors":[]}'), /JSON/],
    ["WebAssembly text", bytesOf(";; mine\n(; x ;) (module\n)"), /text format.*wat2wasm/],
    ["a component's text", bytesOf("(component)"), /text format/],
    ["some text", bytesOf("#!/bin/sh\necho ✓"), /it is text$/],
    ["text cut in a character", bytesOf("✓".repeat(200)), /it is text$/],
    ["unknown bytes", kilobyte, /not WebAssembly$/],
    ["text with a bell", bytesOf("a\x07b"), /not WebAssembly$/],
  ] as const
) {
  Deno.test(`inspectWasm refuses ${kind} and names its kind`, () => {
    const { message, hint } = badWasm(() => inspected(bytes));
    assert.match(message, /^app\.wasm is not WebAssembly/);
    assert.match(message, reason);
    assert.match(hint, /module or component/);
  });
}

for (
  const [what, header] of [
    ["a newer module", [2, 0, 0, 0]],
    ["a component from before 0.2", [12, 0, 1, 0]],
    ["a standard component", [1, 0, 1, 0]],
    ["an unknown layer", [1, 0, 2, 0]],
  ] as const
) {
  Deno.test(`inspectWasm names the version of ${what}`, () => {
    const error = badWasm(() => inspected(MODULE_HEADER.slice(0, 4), header));
    assert.match(error.message, /has an unknown version of WebAssembly \([0-9a-f]{8}\)$/);
    assert.match(error.hint, /components of version 13/);
  });
}

for (
  const [what, reason, ...bytes] of [
    ["bytes left over in a section", /a section has bytes left over/, section(2, [...list([]), 0])],
    ["an unknown section", /unknown section 14/, section(14, [])],
    ["a count that is too high", /a count is too high/, section(7, [0xff, 0xff, 0xff, 0xff, 0x0f])],
    [
      "a number that is too long",
      /more than 32 bits/,
      section(7, [0x80, 0x80, 0x80, 0x80, 0x80, 0]),
    ],
    ["a number that is too high", /more than 32 bits/, section(7, [0xff, 0xff, 0xff, 0xff, 0x10])],
    ["a name that runs past its section", /a name runs past/, section(7, [1, 0x7f, 0x61])],
    ["a name that is not UTF-8", /not UTF-8/, section(7, [1, 2, 0xc3, 0x28, 0, 0])],
    ["an import of an unknown kind", /unknown kind/, section(2, list([[0, 0, 9, 0]]))],
    ["limits of an unknown kind", /unknown kind/, section(2, list([[0, 0, 2, 0x10, 0]]))],
    [
      "a limit of too many bits",
      /64 bits/,
      section(2, list([[0, 0, 2, 0, ...Array(10).fill(0x80), 0]])),
    ],
    ["an import that ends early", /a section ends early/, section(2, [1, 0, 0])],
  ] as const
) {
  Deno.test(`inspectWasm refuses a module with ${what}`, () => {
    const message = reasonOf(MODULE_HEADER, ...bytes);
    assert.match(message, /^app\.wasm is damaged: .* at byte \d+$/);
    assert.match(message, reason);
  });
}

for (
  const [what, reason, ...bytes] of [
    ["a name of an unknown kind", /unknown kind/, section(10, list([[3, 0, 1, 0]]))],
    ["an import of an unknown kind", /unknown kind/, section(10, list([[0, 0, 6, 0]]))],
    ["an instance of an unknown kind", /unknown kind/, section(2, list([[2, 0, 0]]))],
    [
      "a component in the section of a module",
      /not what its section says/,
      section(1, COMPONENT_HEADER),
    ],
    [
      "a module in the section of a component",
      /not what its section says/,
      section(4, MODULE_HEADER),
    ],
    [
      "a nested module that is too short",
      /header ends early/,
      section(1, MODULE_HEADER.slice(0, 6)),
    ],
    [
      "a nested module that runs past its section",
      /a section of 5 bytes has only 0/,
      section(1, [...MODULE_HEADER, 1, 5]),
    ],
    ["an unknown section", /unknown section 13/, section(13, [])],
  ] as const
) {
  Deno.test(`inspectWasm refuses a component with ${what}`, () => {
    const message = reasonOf(COMPONENT_HEADER, ...bytes, section(0, name("more")));
    assert.match(message, /^app\.wasm is damaged: .* at byte \d+$/);
    assert.match(message, reason);
  });
}

const NAMES = ["a'b", 'a"b', "a`b", "a\\b", "a\nb", "a\u2028b", "a${b}"];

for (
  const [owner, encode] of [
    ["an import", (evil) => encodeComponent({ imports: [evil] })],
    ["an export", (evil) => encodeComponent({ exports: [evil] })],
    [
      "a nested component",
      (evil) => encodeComponent({ inner: [section(4, [...encodeComponent({ exports: [evil] })])] }),
    ],
    [
      "a nested module's import",
      (evil) =>
        encodeComponent({ inner: [section(1, [...encodeModule({ imports: [["x", evil]] })])] }),
    ],
    [
      "a nested module's export",
      (evil) => encodeComponent({ inner: [section(1, [...encodeModule({ exports: [evil] })])] }),
    ],
    [
      "an argument of an instance",
      (evil) => encodeComponent({ inner: [section(2, list([[0, 0, 1, ...name(evil), 0x12, 0]]))] }),
    ],
    [
      "an export of an instance",
      (evil) => encodeComponent({ inner: [section(2, list([[1, 1, ...name(evil), 0, 0]]))] }),
    ],
  ] satisfies [string, (evil: string) => Uint8Array][]
) {
  Deno.test(`inspectWasm refuses code in the name of ${owner}`, () => {
    inspectWasm(encode("[method]a-b.c#d$e"), "it");
    for (const evil of NAMES) {
      assert.match(badWasm(() => inspectWasm(encode(evil), "it")).message, /no tool writes/, evil);
    }
  });
}

Deno.test("inspectWasm accepts all names in a module outside of components", () => {
  const binary = inspectWasm(encodeModule({ exports: NAMES }), "it");
  assert.deepEqual(binary.exports, NAMES);
});

Deno.test("inspectWasm refuses components that are nested too deeply", () => {
  const nest = (depth: number) => {
    let bytes: Bytes = COMPONENT_HEADER;
    for (let i = 0; i < depth; i++) bytes = [...COMPONENT_HEADER, ...section(4, bytes)];
    return bytes;
  };
  assert.equal(inspected(nest(100)).kind, "component");
  assert.match(reasonOf(nest(101)), /nested too deep/);
});

Deno.test("inspectWasm reads many small sections", () => {
  const empty = section(0, []);
  const bytes = new Uint8Array(10_000_000);
  bytes.set(COMPONENT_HEADER);
  for (let at = COMPONENT_HEADER.length; at < bytes.length; at += empty.length) {
    bytes.set(empty, at);
  }
  assert.equal(inspectWasm(bytes, "it").kind, "component");
});

Deno.test("inspectWasmFile refuses a list of names that is too large before it reads it", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "it.wasm");
  const size = 17 * 1024 * 1024;
  const start = [...MODULE_HEADER, 7, ...u32(size)];
  Deno.writeFileSync(path, Uint8Array.from(start));
  Deno.truncateSync(path, start.length + size);
  assert.match(
    badWasm(() => inspectWasmFile(path, "it")).message,
    /a list of names is too large \(17\.00 MiB\)/,
  );
});

/** A binary of each kind, with everything that is read. */
const COMPLETE: [string, Uint8Array][] = [
  ["module", encodeModule({ imports: [["env", "f"], ["wasi", "g"]], exports: ["_start", "x"] })],
  [
    "component",
    encodeComponent({
      imports: ["wasi:io/poll@0.2.0", "b"],
      exports: ["wasi:cli/run@0.2.0"],
      inner: [
        section(1, [...encodeModule({ imports: [["a", "b"]], exports: ["c"] })]),
        section(2, list([[0, 0, ...list([[...name("a"), 0x12, 0]])]])),
        section(4, [...encodeComponent({ exports: ["d"] })]),
      ],
    }),
  ],
];

for (const [kind, bytes] of COMPLETE) {
  Deno.test(`inspectWasm finds a ${kind} truncated, unless it is cut between sections`, () => {
    const complete = inspectWasm(bytes, "it");
    for (let length = 1; length < bytes.length; length++) {
      let binary: WasmBinary;
      try {
        binary = inspectWasm(bytes.subarray(0, length), "it");
      } catch (error) {
        assert.match(
          badWasm(() => {
            throw error;
          }).message,
          /^it is truncated/,
          `${length}`,
        );
        continue;
      }
      const { imports, exports } = binary;
      assert.deepEqual(imports, complete.imports.slice(0, imports.length));
      assert.deepEqual(exports, complete.exports.slice(0, exports.length));
    }
  });

  Deno.test(`inspectWasm throws only LDR_BAD_WASM for a ${kind} with any bytes changed`, () => {
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const changed = Uint8Array.from(bytes);
        for (const [at, byte] of changes) changed[at] = byte;
        readOrBad(changed);
      }),
      { numRuns: 1000 },
    );
  });
}

for (const header of [MODULE_HEADER, COMPONENT_HEADER]) {
  Deno.test(`inspectWasm throws only LDR_BAD_WASM for any bytes after the header ${header.slice(4)}`, () => {
    // Of few values, so that many of the bytes are sections.
    const content = fc.oneof(fc.uint8Array({ max: 12 }), fc.uint8Array());
    fc.assert(
      fc.property(content, (bytes) => readOrBad(Uint8Array.from([...header, ...bytes]))),
      { numRuns: 1000 },
    );
  });
}

function readOrBad(bytes: Uint8Array): void {
  try {
    inspectWasm(bytes, "it");
  } catch (error) {
    badWasm(() => {
      throw error;
    });
  }
}

Deno.test("inspectWasmFile reads a large file as inspectWasm reads its bytes", () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "it.wasm");
  const code = new Uint8Array(200_000);
  const big = (bytes: Uint8Array) => [...bytes, ...section(0, [...name("x"), ...code])];
  const parts = [[...COMPONENT_HEADER]];
  for (let i = 0; i < 5; i++) {
    parts.push([...section(10, list([[0, ...name(`import-${i}`), 1, 0]]))]);
    parts.push([...section(1, big(encodeModule({ exports: ["f"] })))]);
    parts.push([...section(11, list([[0, ...name(`export-${i}`), 1, 0, 0]]))]);
  }
  const bytes = Uint8Array.from(parts.flat());
  Deno.writeFileSync(path, bytes);
  const binary = inspectWasmFile(path);
  assert.deepEqual(binary, inspectWasm(bytes, "it"));
  assert.deepEqual(binary.imports, [0, 1, 2, 3, 4].map((i) => `import-${i}`));
  assert.deepEqual(binary.exports, [0, 1, 2, 3, 4].map((i) => `export-${i}`));
});

Deno.test("inspectWasmFile fails for what is not a file, or cannot be read", () => {
  using folder = new TemporaryFolder();
  const codeOf = (path: string) => {
    try {
      inspectWasmFile(path);
    } catch (error) {
      return (error as LarderError).code;
    }
  };
  assert.equal(codeOf(join(folder.path, "gone.wasm")), "LDR_NOT_FOUND");
  assert.equal(codeOf(folder.path), "LDR_BAD_WASM");
  assert.equal(codeOf("/dev/zero"), "LDR_BAD_WASM");
  Deno.writeTextFileSync(join(folder.path, "file"), "");
  assert.equal(codeOf(join(folder.path, "file", "x.wasm")), "LDR_DISK");
});
