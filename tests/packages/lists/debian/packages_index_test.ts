import assert from "node:assert/strict";
import * as fc from "fast-check";
import { readPackagesIndex } from "../../../../src/packages/lists/debian/packages_index.ts";
import { encode } from "../../../support/packages/debian_mirror.ts";

const DIGEST = "0".repeat(64);

async function* cut(bytes: Uint8Array, sizes: readonly number[]) {
  let start = 0;
  for (let i = 0; start < bytes.length; i++) {
    const size = sizes[i % sizes.length]!;
    yield bytes.subarray(start, start + size);
    start += size;
    await Promise.resolve();
  }
}

Deno.test("readPackagesIndex finds the same packages wherever the chunks end", async () => {
  const names = fc.array(fc.stringMatching(/^[a-z][a-z0-9+.-]{1,8}$/), {
    minLength: 1,
    maxLength: 6,
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(names, sizes, fc.constantFrom("", "\n", "\n\n"), async (names, sizes, end) => {
      const text = names.map((name, i) =>
        `Package: ${name}\nVersion: ${i}\nDescription: é ${name}\n a line\n .\n Package: no\n` +
        `Architecture: all\nFilename: pool/${name}.deb\nSize: ${i}\nSHA256: ${DIGEST}\n`
      ).join("\n") + end;
      const found: string[] = [];
      for await (const stanzas of readPackagesIndex(cut(encode(text), sizes), "Packages")) {
        for (const stanza of stanzas) {
          const { name, version, path, size } = stanza.parse();
          assert.equal(name, stanza.name);
          found.push(`${name} ${version} ${path} ${size}`);
        }
      }
      assert.deepEqual(
        found,
        names.map((name, i) =>
          `${name} ${i} pool/${name}.deb ${i}`
        ),
      );
    }),
    { numRuns: 100 },
  );
});
