import assert from "node:assert/strict";
import { fetchPackages } from "../../src/packages/fetch_packages.ts";
import type { PackageRequest } from "../../src/packages/package_request.ts";
import { httpTransport } from "../../src/registry/http/transport_stack.ts";
import { PackageStore } from "../../src/store/entries/package_store.ts";
import { debianMirror, encode } from "../support/packages/debian_mirror.ts";
import { TestLists } from "../support/packages/test_lists.ts";
import { FileServer } from "../support/registry/file_server.ts";

async function fetch(lists: TestLists, requests: readonly PackageRequest[], offline = false) {
  const transport = httpTransport({ clock: lists.clock });
  const deps = { layout: lists.layout, transport, clock: lists.clock };
  const { results, failures } = await fetchPackages(requests, deps, { transfers: 2, offline });
  return [
    ...results.map(({ outcome }) => outcome as string),
    ...failures.map(({ error }) => error.code),
  ];
}

Deno.test("fetchPackages records the index that vouched for a package, also if it was cached before", async () => {
  await using server = await FileServer.start(await debianMirror());
  using lists = new TestLists();
  const requests = await lists.resolve(server.url("dists/stable/InRelease"), ["hello"]);
  const [{ id, vouchedBy, ...rest }] = requests as [PackageRequest];
  assert.deepEqual(await fetch(lists, [{ id, ...rest }]), ["fetched"]);
  const packages = new PackageStore(lists.layout);
  assert.equal(packages.find(id)!.vouchedBy, undefined);
  assert.deepEqual(await fetch(lists, requests), ["cached"]);
  assert.equal(packages.find(id)!.vouchedBy, vouchedBy);
});

Deno.test("fetchPackages fails on a package whose server sends other bytes than its index states", async () => {
  const files = await debianMirror();
  files.set("pool/main/h/hello/hello_1.0-1_amd64.deb", encode("hello 6.6-6"));
  await using server = await FileServer.start(files);
  using lists = new TestLists();
  const requests = await lists.resolve(server.url("dists/stable/InRelease"), ["hello"]);
  assert.deepEqual(await fetch(lists, requests), ["LDR_DIGEST_MISMATCH"]);
});

Deno.test("fetchPackages takes a package that is a file, also without network", async () => {
  using lists = new TestLists();
  const path = lists.write("tool_1_all.deb", "!<arch>\ncontent");
  const list = lists.write("list.yaml", "packages: [tool_1_all.deb]");
  const requests = await lists.resolve(list);
  assert.deepEqual(await fetch(lists, requests, true), ["fetched"]);
  Deno.removeSync(path);
  assert.deepEqual(await fetch(lists, requests), ["cached"]);
});

Deno.test("fetchPackages fails on a file that has changed since its list was read, or is gone", async () => {
  using lists = new TestLists();
  const path = lists.write("tool_1_all.deb", "!<arch>\ncontent");
  const list = lists.write("list.yaml", "packages: [tool_1_all.deb]");
  const requests = await lists.resolve(list);
  Deno.writeTextFileSync(path, "!<arch>\nCONTENT");
  assert.deepEqual(await fetch(lists, requests), ["LDR_DIGEST_MISMATCH"]);
  Deno.removeSync(path);
  assert.deepEqual(await fetch(lists, requests), ["LDR_NOT_FOUND"]);
});
