import assert from "node:assert/strict";
import { type OutputFile, StandardOutput } from "../../../../src/run/wasi/io/stdio.ts";
import { streamError } from "../../../support/wasm/streams.ts";

/** An output whose nth write takes `takes[n]` bytes; null for a write while it is full. */
class Pipe implements OutputFile {
  text = "";
  readonly #takes: (number | null | Error)[];

  constructor(takes: (number | null | Error)[]) {
    this.#takes = takes;
  }

  writeSync(bytes: Uint8Array): number {
    const take = this.#takes.length > 0 ? this.#takes.shift()! : bytes.length;
    if (take === null) throw new Deno.errors.WouldBlock("full");
    if (take instanceof Error) throw take;
    this.text += new TextDecoder().decode(bytes.subarray(0, take));
    return Math.min(take, bytes.length);
  }

  isTerminal(): boolean {
    return false;
  }
}

const write = (output: StandardOutput, text: string) =>
  output.stream().blockingWriteAndFlush(new TextEncoder().encode(text));

Deno.test("StandardOutput writes everything to an output that takes parts", async () => {
  const pipe = new Pipe([1, 2]);
  await write(new StandardOutput(pipe), "abcdef");
  assert.equal(pipe.text, "abcdef");
});

Deno.test("StandardOutput retries a full output and keeps the order of all streams", async () => {
  const pipe = new Pipe([1, null, null, 1, null]);
  const output = new StandardOutput(pipe);
  const writes = [write(output, "abc"), write(output, "def"), write(output, "ghi")];
  assert.equal(pipe.text, "a");
  await output.drained();
  assert.equal(pipe.text, "abcdefghi");
  await Promise.all(writes);
});

Deno.test("StandardOutput closes a stream on a broken pipe, also during a retry", async () => {
  const gone = new Deno.errors.BrokenPipe("gone");
  await assert.rejects(
    write(new StandardOutput(new Pipe([gone])), "abc"),
    streamError("closed"),
  );
  const output = new StandardOutput(new Pipe([1, null, gone]));
  await assert.rejects(write(output, "abc"), streamError("closed"));
  await output.drained();
  // The next stream writes again.
  await write(output, "def");
});
