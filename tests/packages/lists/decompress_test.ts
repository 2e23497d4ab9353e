import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { decompress, readableSuffixes } from "../../../src/packages/lists/decompress.ts";
import { concatBytes } from "../../../src/base/bytes.ts";
import { failureOf } from "../../support/failure_of.ts";
import { encode } from "../../support/packages/debian_mirror.ts";

/** `Package: hello` and a line break, by `xz`. */
const XZ = Uint8Array.from(
  atob(
    "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAOUGFja2FnZTogaGVsbG8KAAD4w3gLGe6zUwABJw/fGvxqH7bzfQEAAAAABFla",
  ),
  (each) => each.charCodeAt(0),
);

async function* chunksOf(bytes: Uint8Array, size: number) {
  const buffer = new Uint8Array(size);
  for (let start = 0; start < bytes.length; start += size) {
    const chunk = bytes.subarray(start, start + size);
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.length); // Overwritten by the next one, as by a download.
    await Promise.resolve();
  }
}

async function read(bytes: Uint8Array, name: string, limit?: number): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of decompress(chunksOf(bytes, 7), name, limit)) parts.push(part.slice());
  return new TextDecoder().decode(concatBytes(parts));
}

Deno.test("decompress reads gzip, xz and what is not compressed, from chunks that are overwritten", async () => {
  const text = "Package: hello\n";
  assert.equal(await read(gzipSync(encode(text)), "Packages.gz"), text);
  assert.equal(await read(XZ, "Packages.xz"), text);
  assert.equal(await read(encode(text), "Packages"), text);
});

Deno.test("decompress reads zstd if the runtime can", async () => {
  const zstd = Uint8Array.from(
    atob("KLUv/QRYeQAAUGFja2FnZTogaGVsbG8KeLV9Hw=="),
    (each) => each.charCodeAt(0),
  );
  if (readableSuffixes().includes(".zst")) {
    assert.equal(await read(zstd, "primary.xml.zst"), "Package: hello\n");
  } else {
    assert.match((await failureOf(read(zstd, "primary.xml.zst"))).message, /cannot read zstd/);
  }
});

Deno.test("decompress fails on what is damaged, and on what ends early", async () => {
  const damaged = XZ.slice();
  damaged[30]! ^= 1;
  const gzip = gzipSync(encode("Package: hello\n"));
  for (
    const [bytes, name] of [
      [gzip.subarray(0, -3), "x.gz"],
      [gzip.subarray(0, 3), "x.gz"],
      [encode("Package: hello\n"), "x.gz"],
      [XZ.subarray(0, -3), "x.xz"],
      [encode("Package: hello\n"), "x.xz"],
      [damaged, "x.xz"],
    ] as const
  ) {
    const { code, message } = await failureOf(read(bytes, name));
    assert.equal(code, "LDR_BAD_INDEX", message);
    assert.match(message, /cannot be decompressed/);
  }
});

Deno.test("decompress stops at its limit, however far the index would expand", async () => {
  const bomb = gzipSync(new Uint8Array(4 * 1024 * 1024));
  const { code, message } = await failureOf(read(bomb, "Packages.gz", 1024 * 1024));
  assert.equal(code, "LDR_BAD_INDEX");
  assert.match(message, /it expands to more than 1\.00 MiB/);
});
