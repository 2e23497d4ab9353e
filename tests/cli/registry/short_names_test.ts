import assert from "node:assert/strict";
import { join } from "node:path";
import type { Context } from "../../../src/cli/context.ts";
import { expandAlias } from "../../../src/cli/registry/short_names.ts";
import { withEnvironment } from "../../support/cli/in_process.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const CONF = `[aliases]
"fedora" = "registry.test/fedora"
"tools/app" = "quay.test/tools/app"
"alpine" = "docker.io/library/alpine"
`;
const DIGEST = `sha256:${"a".repeat(64)}`;

const NAMES: [typed: string, expanded: string, note?: string][] = [
  ["fedora", "registry.test/fedora", "fedora is registry.test/fedora, by an alias in "],
  ["fedora:39", "registry.test/fedora:39", "fedora is "],
  [`fedora:39@${DIGEST}`, `registry.test/fedora:39@${DIGEST}`, "fedora is "],
  ["tools/app:v1.2", "quay.test/tools/app:v1.2", "tools/app is "],
  ["alpine:3", "docker.io/library/alpine:3"],
  ["nginx", "nginx"],
  ["library/fedora", "library/fedora"],
  ["fedora:5000/app", "fedora:5000/app"],
  ["fedora.test/x", "fedora.test/x"],
  ["localhost/fedora", "localhost/fedora"],
  ["docker.io/fedora", "docker.io/fedora"],
  ["", ""],
];

for (const [typed, expanded, note] of NAMES) {
  Deno.test(`expandAlias reads "${typed.replace(DIGEST, "DIGEST")}" as "${expanded.replace(DIGEST, "DIGEST")}"`, async () => {
    using folder = new TemporaryFolder();
    const path = join(folder.path, "registries.conf");
    Deno.writeTextFileSync(path, CONF);
    const notes: string[] = [];
    const context = { info: (text: string) => notes.push(text) } as unknown as Context;
    await withEnvironment({ CONTAINERS_REGISTRIES_CONF: path }, async () => {
      assert.equal(await expandAlias(context, typed), expanded);
    });
    assert.equal(notes.length, note ? 1 : 0);
    if (note) assert.ok(notes[0]!.startsWith(note));
  });
}
