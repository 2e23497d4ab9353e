import assert from "node:assert/strict";
import fc from "fast-check";
import { type SpaceNode, spaceTree } from "../../../../src/cli/commands/df/space_tree.ts";
import { takeSnapshot } from "../../../../src/snapshot/snapshot.ts";
import { Layout } from "../../../../src/store/layout.ts";
import { blob, digestOf, image, randomBytes, utf8 } from "../../../support/cache/artifacts.ts";
import { TestCache } from "../../../support/cache/test_cache.ts";

const layer = (size: number, seed: string) => blob(randomBytes(size, seed));
const snapshotOf = (cache: TestCache) => takeSnapshot(new Layout(cache.registry), cache.now);

/** Returns the node at a path of names. */
function at(node: SpaceNode, ...path: string[]): SpaceNode | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return node;
  const child = node.children.find((each) => each.name === name);
  return child && at(child, ...rest);
}

Deno.test("spaceTree counts shared content at the lowest common ancestor of its entries", async () => {
  using cache = new TestCache();
  const [everywhere, inRegistry, inRepository] = [
    layer(100_000, "everywhere"),
    layer(10_000, "registry"),
    layer(1_000, "repository"),
  ];
  cache.pulled("ghcr.io/a/app:v1", image([everywhere, inRegistry, inRepository]));
  cache.pulled("ghcr.io/a/app:v2", image([inRepository, "v2"]));
  cache.pulled("ghcr.io/b/app:v1", image([inRegistry]));
  cache.pulled("quay.io/a/app:v1", image([everywhere]));
  const tree = spaceTree(await snapshotOf(cache));
  assert.equal(tree.shared, 100_000);
  assert.equal(at(tree, "ghcr.io")?.shared, 10_000);
  assert.equal(at(tree, "ghcr.io", "ghcr.io/a/app")?.shared, 1_000);
  assert.equal(at(tree, "ghcr.io", "ghcr.io/b/app")?.shared, 0);
  assert.deepEqual(tree.children.map(({ name }) => name), ["ghcr.io", "quay.io"]);
});

Deno.test("spaceTree lists packages, builds and compiled code beside the registries", async () => {
  using cache = new TestCache();
  cache.package("deb/hello/1.0/amd64", layer(300, "package"));
  cache.build("router", digestOf(utf8("specification")), layer(200, "build"));
  cache.compiled(digestOf(utf8("component")), "engine-1", [layer(100, "code")]);
  const tree = spaceTree(await snapshotOf(cache));
  assert.deepEqual(tree.children.map(({ name }) => name).sort(), [
    "builds",
    "compiled code",
    "packages",
  ]);
  assert.ok(at(tree, "packages", "deb", "deb/hello/1.0/amd64"));
});

Deno.test("spaceTree counts every needed file exactly once", async () => {
  const layers = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 });
  const name = fc.constantFrom("a.io/x/one", "a.io/x/two", "a.io/y/one", "b.io/x/one");
  const tags = fc.uniqueArray(fc.tuple(name, fc.constantFrom("v1", "v2")), {
    maxLength: 8,
    selector: ([repository, tag]) => `${repository}:${tag}`,
  });
  await fc.assert(
    fc.asyncProperty(tags, fc.infiniteStream(layers), async (tags, stream) => {
      using cache = new TestCache();
      for (const [repository, tag] of tags) {
        const parts = [...stream.next().value!].map((n) => layer(n * 10, `layer ${n}`));
        cache.pulled(`${repository}:${tag}`, image(parts));
      }
      const snapshot = await snapshotOf(cache);
      const tree = spaceTree(snapshot);
      assert.equal(tree.size, snapshot.size);
      const check = (node: SpaceNode) => {
        const children = node.children.reduce((sum, { size }) => sum + size, 0);
        if (node.children.length > 0) assert.equal(node.size, children + node.shared);
        node.children.forEach(check);
      };
      check(tree);
    }),
    { numRuns: 30 },
  );
});
