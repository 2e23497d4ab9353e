import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { digestOf } from "../../../src/oci/hash.ts";
import {
  HASH_BATCH_FILES,
  hashFiles,
  type SizedFile,
} from "../../../src/store/blobs/hash_files.ts";
import { HASH_PROGRESS } from "../../../src/store/blobs/hash_worker.ts";
import { sampleBytes } from "../../support/cache/blobs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

class Fixture extends TemporaryFolder {
  write(name: string, bytes: Uint8Array, algorithm: "sha256" | "sha512" = "sha256"): SizedFile {
    const path = join(this.path, name);
    Deno.writeFileSync(path, bytes);
    return { path, algorithm, size: bytes.length };
  }
}

Deno.test("hashFiles returns digests in the order of the files, whatever their sizes", async () => {
  using fixture = new Fixture();
  const sizes = Array.from({ length: 3 * HASH_BATCH_FILES }, (_, i) => (i * 7919) % 3000);
  const contents = sizes.map((size, i) => sampleBytes(size, i));
  const files = contents.map((bytes, i) => fixture.write(String(i), bytes));
  const hashed = await hashFiles(files, { threads: 3 });
  assert.deepEqual(
    hashed.map((file) => "digest" in file && file.digest),
    contents.map((bytes) => digestOf(bytes)),
  );
});

Deno.test("hashFiles starts threads only for many files or large ones", async () => {
  using fixture = new Fixture();
  const { Worker } = globalThis;
  let started = 0;
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      started++;
    }
  };
  try {
    const small = Array.from({ length: 65 }, (_, i) => fixture.write(`${i}`, sampleBytes(100, i)));
    const large = fixture.write("large", new Uint8Array(16 * 1024 * 1024 + 1));
    for (const [files, threads] of [[small.slice(1), 0], [small, 1], [[large], 1]] as const) {
      started = 0;
      const hashed = await hashFiles(files);
      assert.ok(hashed.every((file) => "digest" in file));
      assert.equal(started, threads);
    }
  } finally {
    globalThis.Worker = Worker;
  }
});

Deno.test("hashFiles uses the algorithm of each file", async () => {
  using fixture = new Fixture();
  const bytes = sampleBytes(5000);
  const [one, two] = await hashFiles([
    fixture.write("one", bytes),
    fixture.write("two", bytes, "sha512"),
  ]);
  assert.deepEqual(
    [one, two].map((file) => "digest" in file! && file.digest),
    [digestOf(bytes), digestOf(bytes, "sha512")],
  );
});

Deno.test("hashFiles reports bytes while it reads, also of one large file", async () => {
  using fixture = new Fixture();
  const large = sampleBytes(HASH_PROGRESS + 1000);
  const files = [fixture.write("large", large), fixture.write("small", sampleBytes(1000))];
  const counts: number[] = [];
  await hashFiles(files, { threads: 1, onBytes: (count) => counts.push(count) });
  assert.equal(counts.reduce((sum, count) => sum + count, 0), large.length + 1000);
  assert.ok(counts.length > 1);
});

Deno.test("hashFiles returns an error for an unreadable file, and digests for the others", async () => {
  using fixture = new Fixture();
  const good = fixture.write("good", sampleBytes(10));
  const missing = { ...good, path: join(fixture.path, "missing") };
  const folder = { ...good, path: fixture.path };
  const [first, second, third] = await hashFiles([missing, folder, good]);
  assert.ok("error" in first! && first.error.code === "ENOENT");
  assert.ok("error" in second!);
  assert.ok("digest" in third!);
});

Deno.test("hashFiles of no files is empty", async () => {
  assert.deepEqual(await hashFiles([]), []);
});

Deno.test("hashFiles stops on an abort, even in the middle of a file", async () => {
  using fixture = new Fixture();
  const file = fixture.write("large", sampleBytes(2 * HASH_PROGRESS));
  const stop = new AbortController();
  const hashing = hashFiles([file], { onBytes: () => stop.abort(), signal: stop.signal });
  await assert.rejects(hashing, (error) => hasCode(error, "LDR_INTERRUPTED"));
});
