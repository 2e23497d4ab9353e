import fc from "fast-check";
import assert from "node:assert/strict";
import { LarderError } from "../../../../src/base/errors.ts";
import { inspectWasm } from "../../../../src/run/wasm/binary/inspect.ts";
import {
  type Requirements,
  requirementsOf,
  runsAsModule,
} from "../../../../src/run/wasm/interfaces/requirements.ts";
import { encodeComponent, encodeModule } from "../../../support/wasm/wasm_encoder.ts";

function ofComponent(imports: string[], exports: string[]): Requirements {
  return requirementsOf(inspectWasm(encodeComponent({ imports, exports }), "app"), "app");
}

function ofModule(imports: [string, string][], exports: string[]): Requirements {
  return requirementsOf(inspectWasm(encodeModule({ imports, exports }), "app"), "app");
}

function failureOf(body: () => unknown): LarderError {
  try {
    body();
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}

/** All imports of the components that componentize-js and the tools of Go and Rust build. */
const USUAL = [
  "wasi:cli/environment",
  "wasi:cli/exit",
  "wasi:cli/stdin",
  "wasi:cli/stdout",
  "wasi:cli/stderr",
  "wasi:cli/terminal-input",
  "wasi:cli/terminal-output",
  "wasi:cli/terminal-stdin",
  "wasi:cli/terminal-stdout",
  "wasi:cli/terminal-stderr",
  "wasi:clocks/monotonic-clock",
  "wasi:clocks/wall-clock",
  "wasi:filesystem/preopens",
  "wasi:filesystem/types",
  "wasi:http/outgoing-handler",
  "wasi:http/types",
  "wasi:io/error",
  "wasi:io/poll",
  "wasi:io/streams",
  "wasi:random/insecure",
  "wasi:random/insecure-seed",
  "wasi:random/random",
  "wasi:sockets/instance-network",
  "wasi:sockets/ip-name-lookup",
  "wasi:sockets/network",
  "wasi:sockets/tcp",
  "wasi:sockets/tcp-create-socket",
  "wasi:sockets/udp",
  "wasi:sockets/udp-create-socket",
];

for (const version of ["0.2.0", "0.2.3", "0.2.12", "0.2"]) {
  Deno.test(`requirementsOf accepts components with all imports of WASI ${version}`, () => {
    const imports = USUAL.map((name) => `${name}@${version}`);
    for (
      const [kind, entry] of [["command", "wasi:cli/run"], ["http", "wasi:http/incoming-handler"]]
    ) {
      assert.deepEqual(ofComponent(imports, ["memory", `${entry}@${version}`]), {
        kind,
        entry: `${entry}@${version}`,
        wasi: "0.2",
        unsupported: [],
      });
    }
  });
}

for (const version of ["0.3.0", "0.3.2", "0.3.0-rc-2026-03-15"]) {
  Deno.test(`requirementsOf accepts components of WASI ${version} with imports of 0.2`, () => {
    const imports = [
      ...USUAL.map((name) => `${name}@0.2.0`),
      ...["wasi:http/client", "wasi:http/types", "wasi:cli/stdout", "wasi:sockets/types"]
        .map((name) => `${name}@${version}`),
    ];
    for (const [kind, name] of [["command", "wasi:cli/run"], ["http", "wasi:http/handler"]]) {
      const entry = `${name}@${version}`;
      const expected = { kind, entry, wasi: "0.3", unsupported: [] };
      assert.deepEqual(ofComponent(imports, ["wasi:cli/run@0.2.0", entry]), expected);
    }
  });
}

Deno.test("requirementsOf names interfaces of WASI 0.3 that the engine lacks", () => {
  const imports = ["wasi:cli/stdout@0.4.0", "wasi:io/poll@0.3.0", "wasi:clocks/timezone@0.3.0"];
  const entry = "wasi:cli/run@0.3.0";
  assert.deepEqual(ofComponent(imports, [entry]).unsupported, imports);
  assert.deepEqual(ofComponent([], ["wasi:cli/run@0.4.0"]).unsupported, ["wasi:cli/run@0.4.0"]);
});

Deno.test("requirementsOf accepts a module of WASI preview 1", () => {
  const imports: [string, string][] = ["fd_write", "proc_exit"]
    .map((name) => ["wasi_snapshot_preview1", name]);
  const expected = { kind: "command", entry: "_start", wasi: "0.2", unsupported: [] };
  assert.deepEqual(ofModule(imports, ["memory", "_start"]), expected);
});

Deno.test("requirementsOf accepts Spin's variables", () => {
  const { unsupported } = ofComponent(
    ["fermyon:spin/variables@2.0.0", "wasi:http/types@0.2.3"],
    ["wasi:http/incoming-handler@0.2.3"],
  );
  assert.deepEqual(unsupported, []);
});

Deno.test("requirementsOf accepts Spin's stores, stubs and the drafts that Spin 2 has", () => {
  const { kind, unsupported } = ofComponent(
    [
      "fermyon:spin/key-value@2.0.0",
      "fermyon:spin/rdbms-types@2.0.0",
      "fermyon:spin/redis@2.0.0",
      "spin:sqlite/sqlite@3.0.0",
      "wasi:keyvalue/store@0.2.0-draft2",
      "wasi:http/types@0.2.0-rc-2023-10-18",
      "wasi:io/streams@0.2.0-rc-2023-10-18",
      "wasi:io/streams@0.2.3",
    ],
    ["wasi:http/incoming-handler@0.2.0-rc-2023-10-18"],
  );
  assert.deepEqual([kind, unsupported], ["http", []]);
});

for (
  const [name, wasi] of [
    ["spin:key-value/key-value@3.0.0", "0.3"],
    ["spin:sqlite/sqlite@3.1.0", "0.3"],
    ["spin:variables/variables@3.0.0", "0.3"],
    ["spin:redis/redis@3.0.0", "0.3"],
    ["spin:postgres/postgres@4.2.0", "0.3"],
    ["spin:postgres/postgres@4.1.0", "0.2"],
    ["spin:sqlite/sqlite@3.0.0", "0.2"],
    ["wasi:config/runtime@0.2.0-draft", "0.2"],
    ["wasi:config/store@0.2.0-draft", "0.2"],
    ["wasi:config/store@0.2.0-rc.1", "0.2"],
    ["wasi:keyvalue/store@0.2.0-draft", "0.2"],
  ] as const
) {
  Deno.test(`requirementsOf accepts ${name}, and the version of WASI that its functions need`, () => {
    const actual = ofComponent([name], ["wasi:http/incoming-handler@0.2.0"]);
    assert.deepEqual([actual.unsupported, actual.wasi], [[], wasi]);
  });
}

Deno.test("requirementsOf prefers the HTTP handler of a component to its command", () => {
  const exports = ["wasi:cli/run@0.2.0", "wasi:http/incoming-handler@0.2.0"];
  assert.equal(ofComponent([], exports).kind, "http");
});

for (
  const name of [
    "fermyon:spin/key-value",
    "fermyon:spin/llm@2.1.0",
    "fermyon:spin/variables@1.0.0",
    "fermyon:spin/variables",
    "spin:variables/variables@4.0.0",
    "spin:postgres/postgres@5.0.0",
    "spin:sqlite/sqlite@4.0.0",
    "spin:key-value/key-value@3.1.0",
    "wasi:keyvalue/store@0.2.0",
    "wasi:config/runtime@0.2.0-rc.1",
    "wasi:nn/tensor@0.2.0-rc-2024-10-28",
    "wasi:blobstore/container@0.2.0-draft-2024-09-01",
    "wasi:tls/types@0.2.0-draft",
    "wasi:clocks/timezone@0.2.3",
    "wasi:cli/environment@0.3.1-rc-2026-06-01",
    "wasi:cli/environment@0.2.0-rc-2023-12-05",
    "wasi:cli/environment@0.20.0",
    "wasi:cli/environment@10.2.0",
    "wasi:cli/environment",
    "wasi:http/incoming-handler@0.2.0",
    "wasi:http/handler@0.3.0-rc-2026-01-06",
    "acme:wasi/cli@0.2.0",
    "log",
    "constructor:prototype/x@0.2.0",
    "toString",
  ]
) {
  Deno.test(`requirementsOf names the unsupported import ${name}`, () => {
    const entry = "wasi:cli/run@0.2.0";
    const { kind, unsupported } = ofComponent(["wasi:io/poll@0.2.0", name], [entry]);
    assert.deepEqual([kind, unsupported], ["command", [name]]);
  });
}

Deno.test("requirementsOf names every unsupported import, whatever the other imports are", () => {
  const unsupportedName = fc.stringMatching(
    /^[a-z]{1,6}:[a-z]{1,6}\/[a-z]{1,6}@[0-9]\.[0-9]\.[0-9]$/,
  )
    .filter((name) => !USUAL.includes(name.split("@")[0]!));
  const usual = fc.constantFrom(...USUAL.map((name) => `${name}@0.2.1`));
  fc.assert(fc.property(fc.array(unsupportedName), fc.array(usual), (unknown, known) => {
    const mixed = [...unknown, ...known].sort();
    const { unsupported } = ofComponent(mixed, ["wasi:cli/run@0.2.1"]);
    assert.deepEqual([...unsupported], unknown.sort());
  }));
});

for (
  const [what, kind, entry] of [
    ["a command of a later WASI", "command", "wasi:cli/run@0.4.0"],
    ["a command of a draft", "command", "wasi:cli/run@0.2.0-rc-2023-12-05"],
    ["a handler of another draft of WASI 0.3", "http", "wasi:http/handler@0.3.0-rc-2026-01-06"],
    ["a handler of a draft", "http", "wasi:http/incoming-handler@0.2.0-rc-2023-12-05"],
    ["a handler of Spin 1", "spin", "fermyon:spin/inbound-http"],
    ["a handler of Spin's messages", "spin", "fermyon:spin/inbound-redis@2.0.0"],
    ["a handler of Spin's first components", "spin", "inbound-http"],
    ["a handler of messages of Spin 3", "spin", "spin:redis/inbound-redis@3.0.0"],
  ] as const
) {
  Deno.test(`requirementsOf recognises ${what} as unsupported`, () => {
    const expected = { kind, entry, wasi: "0.2", unsupported: [entry, "x:y/z@1.0.0"] };
    assert.deepEqual(ofComponent(["wasi:io/poll@0.2.0", "x:y/z@1.0.0"], ["a", entry]), expected);
  });
}

for (
  const entry of [
    "handle-http-request",
    "handle-redis-message",
    "fermyon:spin/inbound-http#handle-request",
  ]
) {
  Deno.test(`requirementsOf returns the kind "spin" for a module that exports ${entry}`, () => {
    const requirements = ofModule([["wasi-outbound-http", "request"]], ["_start", entry]);
    const unsupported = [entry, "wasi-outbound-http.request"];
    assert.deepEqual(requirements, { kind: "spin", entry, wasi: "0.2", unsupported });
  });
}

Deno.test("requirementsOf accepts modules that export or import interfaces that the engine has", () => {
  const imports: [string, string][] = [
    ["wasi_snapshot_preview1", "fd_write"],
    ["wasi:http/types@0.2.0", "[constructor]fields"],
    ["fermyon:spin/variables@2.0.0", "get"],
  ];
  for (
    const [kind, entry] of [
      ["http", "wasi:http/incoming-handler@0.2.0#handle"],
      ["command", "wasi:cli/run@0.2.3#run"],
      ["command", "_start"],
    ] as const
  ) {
    const expected = { kind, entry, wasi: "0.2", unsupported: [] };
    assert.deepEqual(ofModule(imports, ["memory", "cabi_realloc", entry]), expected);
  }
  const both = ["_start", "wasi:http/incoming-handler@0.2.0#handle"];
  assert.equal(ofModule(imports, both).kind, "http");
});

Deno.test("requirementsOf accepts modules with asynchronous functions", () => {
  const entry = "[async-lift]wasi:http/handler@0.3.0#handle";
  const imports: [string, string][] = [
    ["$root", "[waitable-set-new]"],
    ["[export]wasi:http/handler@0.3.0", "[task-return]handle"],
    ["wasi:http/types@0.3.0", "[constructor]fields"],
  ];
  const expected = { kind: "http", entry, wasi: "0.3", unsupported: [] };
  assert.deepEqual(ofModule(imports, [entry]), expected);
});

Deno.test("requirementsOf names each interface once that a module imports and the engine lacks", () => {
  const { unsupported } = ofModule([
    ["wasi:nn/tensor@0.2.0", "a"],
    ["wasi:nn/tensor@0.2.0", "b"],
    ["env", "abort"],
  ], ["wasi:http/incoming-handler@0.2.0#handle"]);
  assert.deepEqual(unsupported, ["wasi:nn/tensor@0.2.0", "env.abort"]);
});

Deno.test("requirementsOf names the function of a module whose interface the engine lacks", () => {
  const { unsupported } = ofModule([], ["wasi:http/incoming-handler@0.2.0-rc-2023-12-05#handle"]);
  assert.deepEqual(unsupported, ["wasi:http/incoming-handler@0.2.0-rc-2023-12-05#handle"]);
});

Deno.test("runsAsModule is true unless a module has or needs an interface", () => {
  const isModule = (imports: [string, string][], exports: string[]) => {
    const wasm = inspectWasm(encodeModule({ imports, exports }), "app");
    return runsAsModule(wasm, requirementsOf(wasm, "app"));
  };
  assert.equal(isModule([["wasi_snapshot_preview1", "fd_write"]], ["_start"]), true);
  assert.equal(isModule([["wasi:http/types@0.2.0", "x"]], ["_start"]), false);
  assert.equal(isModule([], ["_start", "wasi:http/incoming-handler@0.2.0#handle"]), false);
});

Deno.test("requirementsOf names the imports of a module that are not of preview 1", () => {
  const { kind, unsupported } = ofModule([
    ["wasi_snapshot_preview1", "fd_write"],
    ["env", "abort"],
    ["wasi_unstable", "fd_write"],
    ["wasi_snapshot_preview1_", "x"],
  ], ["_start"]);
  assert.equal(kind, "command");
  assert.deepEqual(unsupported, [
    "env.abort",
    "wasi_unstable.fd_write",
    "wasi_snapshot_preview1_.x",
  ]);
});

for (
  const [what, body, reason, hint] of [
    ["a library", () => ofModule([], ["add", "mul"]), "module that exports add and mul", /_start/],
    ["a reactor", () => ofModule([], ["_initialize"]), "module that exports _initialize", /_start/],
    ["an empty module", () => ofModule([], []), "module that exports nothing", /_start/],
    [
      "a component with other exports",
      () => ofComponent([], ["a:b/c@1.0.0", "d", "e", "f", "g"]),
      "component that exports a:b/c@1.0.0, d, e and 2 more",
      /wasi:cli\/run/,
    ],
    [
      "a command as an import only",
      () => ofComponent(["wasi:cli/run@0.2.0"], ["x"]),
      "component that exports x",
      /wasi:cli\/run/,
    ],
  ] as const
) {
  Deno.test(`requirementsOf refuses ${what}`, () => {
    const error = failureOf(body);
    assert.equal(error.code, "LDR_NOT_RUNNABLE");
    assert.equal(error.message, `cannot run app: it is a ${reason}`);
    assert.match(error.hint, hint);
  });
}
