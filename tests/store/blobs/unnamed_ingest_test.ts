import assert from "node:assert/strict";
import { join } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { UnnamedIngest } from "../../../src/store/blobs/unnamed_ingest.ts";
import { Layout } from "../../../src/store/layout.ts";
import { blob, digestOf, utf8 } from "../../support/cache/artifacts.ts";
import { filesBelow } from "../../support/cache/store_check.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const CONTENT = utf8("the same bytes");

async function ingestOf(layout: Layout, source: string): Promise<UnnamedIngest> {
  const key = blob(source).descriptor.digest as Digest;
  const ingest = (await UnnamedIngest.open(layout, key, () => false))!;
  ingest.write(CONTENT);
  return ingest;
}

Deno.test("UnnamedIngest.commit succeeds for the same bytes of several sources at the same time", async () => {
  using folder = new TemporaryFolder();
  const layout = new Layout(join(folder.path, "registry"));
  const sources = ["a", "b", "c", "d"];
  const ingests = await Promise.all(sources.map((source) => ingestOf(layout, source)));
  const committed = await Promise.all(ingests.map((ingest) => ingest.commit()));
  const expected = { digest: digestOf(CONTENT), size: CONTENT.length };
  assert.deepEqual(committed, sources.map(() => expected));
  for (const ingest of ingests) ingest[Symbol.dispose]();
  const path = layout.blob("data", expected.digest as Digest);
  assert.deepEqual(filesBelow(layout.root), [path]);
});

Deno.test("UnnamedIngest.commit takes the digest that is expected, of either algorithm, and no other", async () => {
  using folder = new TemporaryFolder();
  const layout = new Layout(join(folder.path, "registry"));
  const wrong = digestOf(utf8("other"), "sha512") as Digest;
  {
    using ingest = await ingestOf(layout, "a");
    await assert.rejects(ingest.commit(wrong), (error) => hasCode(error, "LDR_DIGEST_MISMATCH"));
  }
  assert.deepEqual(filesBelow(layout.root), []);
  using ingest = await ingestOf(layout, "a");
  const digest = digestOf(CONTENT, "sha512") as Digest;
  assert.deepEqual(await ingest.commit(digest), { digest, size: CONTENT.length });
  assert.deepEqual(Deno.readFileSync(layout.blob("data", digest)), CONTENT);
});
