import assert from "node:assert/strict";
import { hasCode } from "../../../../src/base/errors.ts";
import { wantedOf, withNames } from "../../../../src/cli/commands/lock/wanted.ts";
import type { LockedList } from "../../../../src/cli/lock/format.ts";
import { formatReference } from "../../../../src/oci/reference.ts";

type Names = readonly string[] | undefined;

/** Names that are locked of a list, those that are added, and the result. */
const ADDED: readonly (readonly [before: Names | "none", added: Names, after: Names])[] = [
  ["none", ["hello"], ["hello"]],
  ["none", undefined, undefined],
  [["hello"], ["bash"], ["bash", "hello"]],
  [["hello"], ["hello"], ["hello"]],
  [["hello"], undefined, undefined],
  [undefined, ["hello"], undefined],
];

for (const [before, added, after] of ADDED) {
  Deno.test(`a list with ${before ?? "all"} that ${added ?? "all"} is added to has ${after ?? "all"}`, () => {
    const list = (names: Names): LockedList => names ? { names: [...names] } : {};
    const lists = new Map(before === "none" ? [] : [["L", list(before)] as const]);
    const { names } = withNames(lists, new Map([["L", list(added)]])).get("L")!;
    assert.deepEqual(names, after);
  });
}

Deno.test("withNames keeps the keyring and the architecture of a list", () => {
  const before = new Map([["L", { names: ["a"], keyring: "keys.gpg", arch: "arm64" }]]);
  assert.deepEqual(withNames(before, new Map([["L", { names: ["b"], arch: "amd64" }]])).get("L"), {
    names: ["a", "b"],
    keyring: "keys.gpg",
    arch: "amd64",
  });
});

Deno.test("wantedOf tells references, URLs of packages and names in a list apart", () => {
  const url = "http://mirror.example/pool/hello_2.10-3_amd64.deb";
  const { references, packages } = wantedOf(["nginx", url, "docker://tool.yaml"], {});
  assert.deepEqual(references.map(formatReference), [
    "docker.io/library/nginx:latest",
    "docker.io/library/tool.yaml:latest",
  ]);
  assert.deepEqual(packages.map(({ urls }) => urls[0]), [url]);
  const listed = wantedOf(["nginx"], { from: "lists/packages.yaml", keyring: "keys.gpg" });
  assert.deepEqual(listed.references, []);
  assert.deepEqual([...listed.lists], [
    ["lists/packages.yaml", { names: ["nginx"], keyring: "keys.gpg", arch: undefined }],
  ]);
});

/** Command lines that lock nothing. */
const REFUSED: readonly (readonly [names: readonly string[], options: object])[] = [
  [[`nginx@sha256:${"a".repeat(64)}`], {}],
  [["nginx"], { keyring: "keys.gpg" }],
  [[], { from: "http://me:hunter2@mirror.example/packages.yaml" }],
  [["https://mirror.example/x.deb?token=hunter2"], {}],
];

for (const [names, options] of REFUSED) {
  Deno.test(`wantedOf refuses ${JSON.stringify([names, options])}`, () => {
    assert.throws(() => wantedOf(names, options), (error) => hasCode(error, "LDR_USAGE"));
  });
}
