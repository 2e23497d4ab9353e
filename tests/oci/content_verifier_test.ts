import assert from "node:assert/strict";
import fc from "fast-check";
import { type ErrorCode, hasCode } from "../../src/base/errors.ts";
import { ContentVerifier, MAX_UNSIZED } from "../../src/oci/content_verifier.ts";
import { digestOf } from "../../src/oci/hash.ts";

/** Verifies chunks against the digest of `content`, and returns the error code; undefined if they are accepted. */
async function verify(
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

/** Content in chunks of any size, including empty ones. */
const cutContent = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }).map((chunks) => ({
  chunks,
  content: new Uint8Array(chunks.flatMap((chunk) => [...chunk])),
}));
const sized = fc.boolean();

/** Returns the content with some bits of one byte flipped. */
function flipped(content: Uint8Array, at: number, mask: number): Uint8Array {
  return content.map((byte, i) => i === at ? byte ^ mask : byte);
}

Deno.test("ContentVerifier accepts the right bytes in chunks of any size, with or without a size", async () => {
  await fc.assert(fc.asyncProperty(cutContent, sized, async ({ chunks, content }, sized) => {
    assert.equal(await verify(content, chunks, sized ? content.length : undefined), undefined);
  }));
});

Deno.test("ContentVerifier rejects one changed bit with LDR_DIGEST_MISMATCH", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ minLength: 1 }),
    fc.nat(),
    fc.nat(7),
    sized,
    async (content, at, bit, sized) => {
      const wrong = flipped(content, at % content.length, 1 << bit);
      const size = sized ? content.length : undefined;
      assert.equal(await verify(content, [wrong], size), "LDR_DIGEST_MISMATCH");
    },
  ));
});

Deno.test("ContentVerifier rejects truncated content by its size, or else by its digest", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1 }), fc.nat(), async (content, at) => {
      const short = content.subarray(0, at % content.length);
      assert.equal(await verify(content, [short], content.length), "LDR_SIZE_MISMATCH");
      assert.equal(await verify(content, [short]), "LDR_DIGEST_MISMATCH");
    }),
  );
});

Deno.test("ContentVerifier rejects extra bytes by the size, or else by the digest", async () => {
  await fc.assert(
    fc.asyncProperty(
      cutContent,
      fc.uint8Array({ minLength: 1 }),
      async ({ chunks, content }, more) => {
        assert.equal(
          await verify(content, [...chunks, more], content.length),
          "LDR_SIZE_MISMATCH",
        );
        assert.equal(await verify(content, [...chunks, more]), "LDR_DIGEST_MISMATCH");
      },
    ),
  );
});

Deno.test("ContentVerifier rejects chunks in another order", async () => {
  const content = new Uint8Array([1, 2, 3, 4]);
  const [first, second] = [content.subarray(0, 2), content.subarray(2)];
  assert.equal(await verify(content, [second, first], 4), "LDR_DIGEST_MISMATCH");
});

Deno.test("ContentVerifier.update rejects the first byte past the size", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array(3)), size: 3 });
  verifier.update(new Uint8Array(3));
  assert.throws(
    () => verifier.update(new Uint8Array(1)),
    (error) => hasCode(error, "LDR_SIZE_MISMATCH"),
  );
});

Deno.test("ContentVerifier.update rejects content of unknown size past the limit", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array()) });
  const huge = { length: MAX_UNSIZED + 1 } as Uint8Array;
  assert.throws(() => verifier.update(huge), (error) => hasCode(error, "LDR_SIZE_MISMATCH"));
});

Deno.test("ContentVerifier accepts an empty blob", async () => {
  assert.equal(await verify(new Uint8Array(), [], 0), undefined);
  assert.equal(await verify(new Uint8Array(), [new Uint8Array()], 0), undefined);
});

Deno.test("ContentVerifier checks a sha512 digest with sha512", async () => {
  const content = new Uint8Array([1, 2, 3]);
  const descriptor = { digest: digestOf(content, "sha512"), size: 3 };
  const right = new ContentVerifier(descriptor);
  right.update(content);
  await right.finish();
  const wrong = new ContentVerifier(descriptor);
  wrong.update(new Uint8Array(3));
  await assert.rejects(wrong.finish(), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
});

Deno.test("ContentVerifier.length counts the bytes so far", () => {
  const verifier = new ContentVerifier({ digest: digestOf(new Uint8Array(5)), size: 5 });
  verifier.update(new Uint8Array(2));
  assert.equal(verifier.length, 2);
  verifier.update(new Uint8Array(3));
  assert.equal(verifier.length, 5);
});
