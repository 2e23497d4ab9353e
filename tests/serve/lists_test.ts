import assert from "node:assert/strict";
import { image } from "../support/cache/artifacts.ts";
import { html, status } from "../support/registry/faults.ts";
import { TestService } from "../support/registry/test_service.ts";

const APP = image(["one"]);
const TAGS = ["a", "b", "c", "d", "e"];

interface Page {
  readonly names: readonly string[];
  readonly next: string | undefined;
  readonly headers: Headers;
}

async function page(service: TestService, path: string): Promise<Page> {
  const response = await service.request(path);
  const { tags, repositories } = await response.json();
  const next = /^<\/v2\/(.*)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  return { names: tags ?? repositories, next, headers: response.headers };
}

/** Follows the links of a list. */
async function all(service: TestService, path: string): Promise<readonly string[][]> {
  const pages: string[][] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const read: Page = await page(service, next);
    pages.push([...read.names]);
    next = read.next;
  }
  return pages;
}

Deno.test("tags are listed in pages, also of a registry that has none", async (t) => {
  for (const isPaged of [true, false]) {
    await t.step(isPaged ? "paged" : "all at once", async () => {
      await using service = await TestService.start();
      const { registry } = service;
      for (const tag of TAGS) registry.add("app", APP, tag);
      if (!isPaged) {
        const body = new TextEncoder().encode(
          JSON.stringify({ name: "app", tags: ["e", "a", "c", "b", "d"] }),
        );
        registry.fail("/tags/list", (answer) => ({ ...answer, headers: {}, body }));
      }
      assert.deepEqual((await all(service, "app/tags/list")).flat().sort(), TAGS);
      assert.deepEqual(await all(service, "app/tags/list?n=2"), [["a", "b"], ["c", "d"], ["e"]]);
      assert.deepEqual((await page(service, "app/tags/list?n=2&last=d")).names, ["e"]);
      assert.deepEqual((await page(service, "app/tags/list?n=0")).names, []);
      assert.equal(await service.error("app/tags/list?n=x"), "400 UNSUPPORTED");
    });
  }
});

Deno.test("the cached tags are listed while the registry is away", async () => {
  await using service = await TestService.start();
  for (const tag of TAGS) service.registry.add("app", APP, tag);
  await service.bytes("app/manifests/b");
  await service.bytes("app/manifests/a");
  service.registry.fail("/v2/", status(503));
  const { names, headers } = await page(service, "app/tags/list");
  assert.deepEqual(names, ["a", "b"]);
  assert.match(headers.get("warning")!, /^110 /);
});

Deno.test("a web page with 200 is no list", async () => {
  await using service = await TestService.start();
  const { registry } = service;
  registry.add("app", image(["one"]), "v1");
  registry.fail("/v2/", html);
  const subject = `sha256:${"0".repeat(64)}`;
  for (const path of ["app/tags/list", `app/referrers/${subject}`]) {
    const text = await service.error(path);
    assert.match(text, /^502 UNAVAILABLE$/, path);
  }
});

Deno.test("_catalog lists the cached repositories in pages", async () => {
  await using service = await TestService.start();
  const { registry } = service;
  assert.deepEqual((await page(service, "_catalog")).names, []);
  for (const name of ["app", "team/app", "team/app/part"]) {
    registry.add(name, APP, "v1");
    await service.bytes(`${name}/manifests/v1`);
  }
  const names = ["app", "team/app", "team/app/part"].map((name) => `${registry.host}/${name}`);
  assert.deepEqual(await all(service, "_catalog?n=2"), [names.slice(0, 2), names.slice(2)]);
  const past = await page(service, `_catalog?n=1&last=${names[0]}-was-removed`);
  assert.deepEqual(past.names, [names[1]], "no client starts over");
  const limited = service.another({ mayName: ({ repository }) => repository !== "team/app" });
  assert.deepEqual((await page(limited, "_catalog")).names, [names[0], names[2]]);
  await limited.stop();
});
