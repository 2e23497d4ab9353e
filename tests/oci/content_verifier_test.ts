import assert from "node:assert/strict";
import fc from "fast-check";
import { type ErrorCode, hasCode } from "../../src/base/errors.ts";
import { ContentVerifier, MAX_UNSIZED } from "../../src/oci/content_verifier.ts";
import { digestOf } from "../../src/oci/hash.ts";

/** What the verifier says of these chunks; undefined where it is content. */
async function verdict(
  content: Uint8Array,
  chunks: Uint8Array[],
  size?: number,
): Promise<ErrorCode | undefined> {
  const verifier = new ContentVerifier({ digest: digestOf(content), size });
  try {
    for (const chunk of chunks) {
      const copy = chunk.slice();
      verifier.update(copy);
      copy.fill(0xff);
    }
    await verifier.finish();
  } catch (error) {
    if (hasCode(error, "LDR_SIZE_MISMATCH", "LDR_DIGEST_MISMATCH")) return error.code;
    throw error;
  }
}

/** Content cut at any places, empty chunks among them. */
const cutContent = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }).map((chunks) => ({
  chunks,
  content: new Uint8Array(chunks.flatMap((chunk) => [...chunk])),
}));
const sized = fc.boolean();

/** The same bytes but for one. */
function flipped(content: Uint8Array, at: number, mask: number): Uint8Array {
  return content.map((byte, i) => i === at ? byte ^ mask : byte);
}

Deno.test("the right bytes are accepted, however they are cut, with and without a size", async () => {
  await fc.assert(fc.asyncProperty(cutContent, sized, async ({ chunks, content }, sized) => {
    assert.equal(await verdict(content, chunks, sized ? content.length : undefined), undefined);
  }));
});

Deno.test("one changed bit is a wrong digest", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ minLength: 1 }),
    fc.nat(),
    fc.nat(7),
    sized,
    async (content, at, bit, sized) => {
      const wrong = flipped(content, at % content.length, 1 << bit);
      const size = sized ? content.length : undefined;
      assert.equal(await verdict(content, [wrong], size), "LDR_DIGEST_MISMATCH");
    },
  ));
});

Deno.test("a truncation is a wrong size, and without a size a wrong digest", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1 }), fc.nat(), async (content, at) => {
      const short = content.subarray(0, at % content.length);
      assert.equal(await verdict(content, [short], content.length), "LDR_SIZE_MISMATCH");
      assert.equal(await verdict(content, [short]), "LDR_DIGEST_MISMATCH");
    }),
  );
});

Deno.test("an extension is a wrong size, and without a size a wrong digest", async () => {
  await fc.assert(
    fc.asyncProperty(
      cutContent,
      fc.uint8Array({ minLength: 1 }),
      async ({ chunks, content }, more) => {
        assert.equal(
          await verdict(content, [...chunks, more], content.length),
          "LDR_SIZE_MISMATCH",
        );
        assert.equal(await verdict(content, [...chunks, more]), "LDR_DIGEST_MISMATCH");
      },
    ),
  );
});

Deno.test("chunks that change places are a wrong digest", async () => {
  const content = new Uint8Array([1, 2, 3, 4]);
  const [first, second] = [content.subarray(0, 2), content.subarray(2)];
  assert.equal(await verdict(content, [second, first], 4), "LDR_DIGEST_MISMATCH");
});

Deno.test("the byte too many is refused when it comes, not at the end", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array(3)), size: 3 });
  verifier.update(new Uint8Array(3));
  assert.throws(
    () => verifier.update(new Uint8Array(1)),
    (error) => hasCode(error, "LDR_SIZE_MISMATCH"),
  );
});

Deno.test("content of unknown size is refused past the limit", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array()) });
  const huge = { length: MAX_UNSIZED + 1 } as Uint8Array;
  assert.throws(() => verifier.update(huge), (error) => hasCode(error, "LDR_SIZE_MISMATCH"));
});

Deno.test("an empty blob is content like any other", async () => {
  assert.equal(await verdict(new Uint8Array(), [], 0), undefined);
  assert.equal(await verdict(new Uint8Array(), [new Uint8Array()], 0), undefined);
});

Deno.test("sha512 is checked with sha512", async () => {
  const content = new Uint8Array([1, 2, 3]);
  const descriptor = { digest: digestOf(content, "sha512"), size: 3 };
  const right = new ContentVerifier(descriptor);
  right.update(content);
  await right.finish();
  const wrong = new ContentVerifier(descriptor);
  wrong.update(new Uint8Array(3));
  await assert.rejects(wrong.finish(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
});

Deno.test("the length counts the bytes that have passed", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array(5)), size: 5 });
  verifier.update(new Uint8Array(2));
  assert.equal(verifier.length, 2);
  verifier.update(new Uint8Array(3));
  assert.equal(verifier.length, 5);
});
