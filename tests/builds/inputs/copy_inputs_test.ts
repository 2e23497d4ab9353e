import assert from "node:assert/strict";
import { join } from "node:path";
import { copyInputs, SOURCE_DATE_EPOCH } from "../../../src/builds/inputs/copy_inputs.ts";
import { hashInputs, listInputs } from "../../../src/builds/inputs/inputs.ts";
import { faultOf } from "../../../src/builds/spec.ts";
import { sampleBytes } from "../../support/cache/blobs.ts";
import { failureOf } from "../../support/failure_of.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** Sizes below and above those from which on files are copied by the system and by `cp`. */
const SIZES = [100, 2 * 1024 * 1024, 9 * 1024 * 1024];

async function prepared(folder: string) {
  Deno.mkdirSync(join(folder, "from/deep"), { recursive: true });
  for (const size of SIZES) {
    const path = join(folder, "from/deep", String(size));
    Deno.writeFileSync(path, sampleBytes(size));
    Deno.chmodSync(path, 0o640);
  }
  const spec = {
    ...{ name: "x", folder: join(folder, "from"), packages: [], refs: [], env: new Map() },
    ...{ run: ["true"], output: "out", network: false },
    ...{ usePackageCache: true, useImageCache: true, fault: faultOf("LDR_USAGE") },
    inputs: SIZES.map((size) => `deep/${size}`),
  };
  const nodes = await listInputs(spec);
  Deno.mkdirSync(join(folder, "to"));
  return { nodes, key: await hashInputs(nodes), to: join(folder, "to") };
}

Deno.test("copyInputs copies files of any size with their modes and one time", async () => {
  using folder = new TemporaryFolder();
  const { nodes, key, to } = await prepared(folder.path);
  await copyInputs(nodes, key, to);
  for (const size of SIZES) {
    const path = join(to, "deep", String(size));
    assert.deepEqual(Deno.readFileSync(path), sampleBytes(size));
    const { mode, mtime } = Deno.statSync(path);
    assert.equal(mode! & 0o777, 0o640);
    assert.equal(mtime!.getTime(), SOURCE_DATE_EPOCH * 1000);
  }
});

for (const size of SIZES) {
  Deno.test(`copyInputs fails if an input of ${size} bytes has changed since it was hashed`, async () => {
    using folder = new TemporaryFolder();
    const { nodes, key, to } = await prepared(folder.path);
    const { hostPath } = nodes.find((node) => node.size === size)!;
    Deno.writeFileSync(hostPath, sampleBytes(size, 7));
    const error = await failureOf(copyInputs(nodes, key, to));
    assert.equal(error.code, "LDR_INPUT_CHANGED");
  });
}
