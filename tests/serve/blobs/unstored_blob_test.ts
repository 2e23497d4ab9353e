import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { Hasher } from "../../../src/oci/hash.ts";
import { streamUnstored } from "../../../src/serve/blobs/unstored_blob.ts";
import { blob, randomBytes } from "../../support/cache/artifacts.ts";

const SIZE = 1000;
const { bytes: BYTES, descriptor } = blob(randomBytes(SIZE));
const DESCRIPTOR = { ...descriptor, digest: descriptor.digest as Digest };

interface Case {
  /** What the registry sends of the blob. */
  readonly sent: Uint8Array;
  readonly chunk: number;
  /** The range that is delivered. */
  readonly start: number;
  readonly end: number;
  /** Bytes that had been read from the partial file before. */
  readonly hashed: number;
  /** Where the registry starts, which may not be able to start at an offset. */
  readonly offset: number;
}

/** Returns what is delivered, and the failure. */
async function deliver({ sent, chunk, start, end, hashed, offset }: Case) {
  const hasher = new Hasher("sha256");
  hasher.update(BYTES.slice(0, hashed));
  async function* chunks() {
    // As of a connection: the next chunk overwrites this one.
    const buffer = new Uint8Array(chunk);
    for (let at = offset; at < sent.length; at += chunk) {
      const part = sent.subarray(at, at + chunk);
      buffer.set(part);
      yield await Promise.resolve(buffer.subarray(0, part.length));
    }
  }
  const source = { fetch: () => Promise.resolve({ offset, chunks: chunks() }) };
  const range = { hasher, hashed, position: start, end };
  const delivered: number[] = [];
  try {
    for await (const part of streamUnstored(source, DESCRIPTOR, range)) delivered.push(...part);
    return { delivered, error: undefined };
  } catch (error) {
    return { delivered, error };
  }
}

const range = fc.tuple(fc.nat(SIZE - 1), fc.integer({ min: 1, max: SIZE }))
  .map(([start, length]) => ({ start, end: Math.min(SIZE, start + length) }))
  .chain(({ start, end }) =>
    fc.record({
      start: fc.constant(start),
      end: fc.constant(end),
      hashed: fc.nat(start),
      chunk: fc.integer({ min: 1, max: 400 }),
      isResumed: fc.boolean(),
    })
  ).map(({ isResumed, ...rest }) => ({ ...rest, offset: isResumed ? rest.hashed : 0 }));

Deno.test("streamUnstored delivers any range of a blob, whatever was read before", async () => {
  await fc.assert(fc.asyncProperty(range, async (each) => {
    const { delivered, error } = await deliver({ ...each, sent: BYTES });
    assert.equal(error, undefined);
    assert.deepEqual(delivered, [...BYTES.slice(each.start, each.end)]);
  }));
});

const WRONG: Record<string, Uint8Array> = {
  "another byte": BYTES.map((byte, i) => i === SIZE - 1 ? byte ^ 1 : byte),
  "a byte less": BYTES.slice(0, -1),
  "a byte more": new Uint8Array([...BYTES, 0]),
};

Deno.test("streamUnstored holds the last byte back if the registry sends something else", async (t) => {
  for (const [name, sent] of Object.entries(WRONG)) {
    await t.step(name, async () => {
      await fc.assert(fc.asyncProperty(range, async (each) => {
        const { delivered, error } = await deliver({ ...each, sent });
        assert.ok(hasCode(error, "LDR_DIGEST_MISMATCH", "LDR_SIZE_MISMATCH"), String(error));
        assert.ok(delivered.length < each.end - each.start);
      }));
    });
  }
});
