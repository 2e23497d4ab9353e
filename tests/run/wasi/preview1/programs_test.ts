import assert from "node:assert/strict";
import { runPreview1 } from "../../../../src/run/wasi/preview1/command.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";
import { cProgram } from "../../../support/wasm/c_programs.ts";
import { GuestHost } from "../../../support/wasm/guest_host.ts";

for (const name of ["descriptors", "files", "paths"]) {
  const { bytes, cases } = await cProgram(name);
  const module = new WebAssembly.Module(bytes);
  for (const each of cases) {
    Deno.test(`preview 1, ${name}: ${each}`, async () => {
      using folder = new TemporaryFolder();
      const host = new GuestHost({
        args: ["program", each],
        env: [["QUOTED", 'a "b"\nc=']],
        mounts: [{
          kind: "folder",
          guest: "/data",
          host: Deno.realPathSync(folder.path),
          readOnly: false,
        }],
      }, ["input"]);
      const code = await runPreview1(module, host.host);
      assert.deepEqual([code, host.stderr], [0, ""]);
    });
  }
}
