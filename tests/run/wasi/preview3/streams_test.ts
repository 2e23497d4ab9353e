import assert from "node:assert/strict";
import { OutputStream } from "../../../../src/run/wasi/io/output_stream.ts";
import { write } from "../../../../src/run/wasi/preview3/streams.ts";
import { guestStream } from "../../../support/wasm/preview3_guest.ts";

const codeOf = (cause: unknown) => cause === undefined ? "closed" : (cause as Error).message;

for (
  const [what, error, outcome] of [
    ["the cause of a failure", new Error("no space"), { tag: "err", val: "no space" }],
    ["closed for a reader that has gone", new Deno.errors.BrokenPipe(), {
      tag: "err",
      val: "closed",
    }],
    ["ok", undefined, { tag: "ok", val: undefined }],
  ] as const
) {
  Deno.test(`write of 0.3 returns ${what}`, async () => {
    const output = new OutputStream(() => {
      if (error) throw error;
    });
    assert.deepEqual(await write(guestStream(["a", "b"]), output, codeOf), outcome);
  });
}
