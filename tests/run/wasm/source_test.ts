import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "../../../src/oci/hash.ts";
import { inspectWasm } from "../../../src/run/wasm/binary/inspect.ts";
import { wasmFile } from "../../../src/run/wasm/source.ts";
import { TemporaryFolder } from "../../support/temporary.ts";
import { encodeModule } from "../../support/wasm/wasm_encoder.ts";

Deno.test("wasmFile describes the bytes that it read, also if the file is replaced", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "it.wasm");
  const first = encodeModule({ exports: ["first"] });
  Deno.writeFileSync(path, first);
  const source = wasmFile(path);
  Deno.writeFileSync(path, encodeModule({ exports: ["second"] }));
  assert.deepEqual(source.inspect(), inspectWasm(first, path));
  assert.equal(await source.digest(), digestOf(first));
  assert.deepEqual(source.read(), first);
});
