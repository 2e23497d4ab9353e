import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "../../../src/oci/hash.ts";
import { digestsOfFiles } from "../../../src/store/blobs/file_digests.ts";
import { sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

for (const count of [3, 200]) {
  Deno.test(`digestsOfFiles returns the digests of ${count} files in order, and none for a missing one`, async () => {
    using folder = new TemporaryFolder();
    const contents = Array.from({ length: count }, (_, i) => sampleBytes(i * 10, i));
    const files = contents.map((bytes, i) => {
      const path = join(folder.path, String(i));
      Deno.writeFileSync(path, bytes);
      return { path, size: bytes.length, algorithm: "sha256" } as const;
    });
    Deno.removeSync(files[1]!.path);
    let read = 0;
    const digests = await digestsOfFiles(files, { onBytes: (bytes) => read += bytes });
    assert.deepEqual(digests, contents.map((bytes, i) => i === 1 ? undefined : digestOf(bytes)));
    const size = contents.reduce((sum, { length }) => sum + length, 0);
    assert.equal(read, size - contents[1]!.length);
  });
}
