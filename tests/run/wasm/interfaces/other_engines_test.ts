import assert from "node:assert/strict";
import { inspectWasm } from "../../../../src/run/wasm/binary/inspect.ts";
import {
  missingInWasmtime,
  unsupportedByWasmtime,
  unsupportedWasm,
} from "../../../../src/run/wasm/interfaces/other_engines.ts";
import { requirementsOf } from "../../../../src/run/wasm/interfaces/requirements.ts";
import { encodeModule } from "../../../support/wasm/wasm_encoder.ts";

const SPIN_TOML = /^Spin has it: name the file in the spin\.toml/;
const OTHER_HOST = /^only the host that it was made for has it/;
const OTHER_WASI = /^no engine that larder knows has this version of WASI: build it for/;
const USE_WASMTIME = /--engine wasmtime$/;
const USE_SPIN = /--engine spin$/;

for (
  const [entry, name, hint, hintInApp] of [
    ["wasi:cli/run@0.2.0", "wasi:nn/tensor@0.2.0-rc-2024-10-28", USE_WASMTIME, OTHER_HOST],
    ["wasi:cli/run@0.2.0", "wasi:nn/tensor@0.2.0", OTHER_HOST, OTHER_HOST],
    ["wasi:cli/run@0.2.0", "wasi:tls/types@0.2.0-draft", USE_WASMTIME, OTHER_HOST],
    ["wasi:cli/run@0.2.0", "wasi:config/store@0.3.0", OTHER_HOST, OTHER_HOST],
    ["_start", "wasi_ephemeral_nn.load", USE_WASMTIME, OTHER_HOST],
    ["_start", "wasi:tls/types@0.2.0-draft", OTHER_HOST, OTHER_HOST],
    ["wasi:http/handler@0.3.1", "wasi:tls/client@0.3.0-draft", USE_WASMTIME, OTHER_HOST],
    ["wasi:cli/run@0.4.0", "wasi:cli/run@0.4.0", OTHER_WASI, OTHER_WASI],
    ["wasi:cli/run@0.2.0", "wasi:http/types@0.3.0-rc-2026-01-06", OTHER_WASI, OTHER_WASI],
    ["wasi:cli/run@0.2.0", "wasi:http/types@0.2.0-rc-2023-12-05", OTHER_WASI, OTHER_WASI],
    ["wasi:cli/run@0.2.0", "wasi:clocks/timezone@0.2.3", OTHER_HOST, OTHER_HOST],
    ["_start", "env.abort", OTHER_HOST, OTHER_HOST],
    ["wasi:http/handler@0.3.0", "acme:shop/prices@1.0.0", OTHER_HOST, OTHER_HOST],
    ["wasi:cli/run@0.2.0", "fermyon:spin/llm@2.1.0", SPIN_TOML, USE_SPIN],
    ["wasi:http/handler@0.3.0", "spin:redis/redis@4.0.0", SPIN_TOML, USE_SPIN],
    ["handle-http-request", "handle-http-request", SPIN_TOML, USE_SPIN],
    ["handle-http-request", "wasi-outbound-http.request", SPIN_TOML, USE_SPIN],
  ] as const
) {
  Deno.test(`unsupportedWasm says what can run a guest with ${entry} that needs ${name}`, () => {
    const requirements = { kind: "http", entry, wasi: "0.2", unsupported: [name] } as const;
    const error = unsupportedWasm("ghcr.io/acme/app:v1", requirements);
    assert.equal(error.code, "LDR_UNSUPPORTED_WASM");
    assert.match(
      error.message,
      /^cannot run ghcr.io\/acme\/app:v1: it needs .+, which the embedded/,
    );
    assert.match(error.hint, hint);
    assert.match(unsupportedWasm("app", requirements, true).hint, hintInApp);
  });
}

Deno.test("unsupportedWasm names what is missing", () => {
  const unsupported = ["fermyon:spin/key-value@3.0.0", "wasi:nn/tensor@0.2.0"];
  const error = unsupportedWasm("app", { kind: "http", entry: "x", wasi: "0.2", unsupported });
  assert.equal(
    error.message,
    "cannot run app: it needs fermyon:spin/key-value@3.0.0 and " +
      "wasi:nn/tensor@0.2.0, which the embedded engine does not have",
  );
});

Deno.test("missingInWasmtime is empty for WASI 0.2 and 0.3, and names what only Spin has", () => {
  const component = (imports: string[], entry: string) => {
    const wasm = { kind: "component", size: 1, imports, exports: [entry] } as const;
    return missingInWasmtime(wasm, requirementsOf(wasm, "app"));
  };
  const wasi = ["wasi:io/poll@0.2.12", "wasi:http/types@0.3.0", "wasi:sockets/types@0.3.0"];
  assert.deepEqual(component(wasi, "wasi:cli/run@0.2.0"), []);
  assert.deepEqual(component(wasi, "wasi:http/handler@0.3.0"), []);
  assert.deepEqual(
    component(["fermyon:spin/variables@2.0.0"], "wasi:http/incoming-handler@0.2.0"),
    [
      "fermyon:spin/variables@2.0.0",
    ],
  );
  const module = inspectWasm(
    encodeModule({ imports: [["wasi_snapshot_preview1", "f"], ["env", "f"]], exports: ["_start"] }),
    "app",
  );
  assert.deepEqual(missingInWasmtime(module, requirementsOf(module, "app")), ["env.f"]);
});

for (
  const [needed, hint] of [["fermyon:spin/variables@2.0.0", /leave out --engine/], [
    "fermyon:spin/llm@2.1.0",
    SPIN_TOML,
  ]] as const
) {
  Deno.test(`unsupportedByWasmtime says what can run a guest that needs ${needed}`, () => {
    const wasm = {
      kind: "component",
      size: 1,
      imports: [needed],
      exports: ["wasi:http/incoming-handler@0.2.0"],
    } as const;
    const error = unsupportedByWasmtime("app", [needed], requirementsOf(wasm, "app"));
    assert.equal(error.message, `cannot run app: it needs ${needed}, which Wasmtime does not have`);
    assert.match(error.hint, hint);
  });
}

Deno.test("unsupportedWasm shortens names and removes control characters", () => {
  const name = "x\n\x1b[31m".repeat(100);
  const { message } = unsupportedWasm("app", {
    kind: "http",
    entry: "x",
    wasi: "0.2",
    unsupported: [name, name],
  });
  assert.ok(message.length < 600 && !/\p{Cc}/u.test(message), message);
});
