import assert from "node:assert/strict";
import { historyOf } from "../../../src/store/journal/history.ts";
import { Journal, type UseEvent } from "../../../src/store/journal/journal.ts";
import { statsOf } from "../../../src/store/journal/stats.ts";
import { blob, image, multiPlatform, randomBytes } from "../../support/cache/artifacts.ts";
import { Gate } from "../../support/gate.ts";
import { heldAfter } from "../../support/registry/faults.ts";
import { TestService } from "../../support/registry/test_service.ts";

const LAYER = blob(randomBytes(300_000));
const APP = image([LAYER]);
const PATH = `app/blobs/${LAYER.descriptor.digest}`;

/** Stops a service and returns what it wrote: `v1 new 1 use, 428 fetched, 0 saved`. */
async function usesOf(service: TestService): Promise<string[]> {
  await service.stop();
  return new Journal(service.layout).read().map((event) => {
    const { name, cause, uses = 1, fetched, saved } = event as UseEvent;
    const target = name.replace(/^.*app[:@]/, "");
    return `${target} ${cause ?? "hit"} ${uses}, ${fetched} fetched, ${saved} saved`;
  });
}

Deno.test("serve writes one event for many uses of an entry, and its misses with their causes", async () => {
  await using service = await TestService.start();
  const { registry } = service;
  registry.add("app", APP, "v1");
  await service.bytes("app/manifests/v1");
  await service.bytes(PATH);
  for (let i = 0; i < 3; i++) await service.bytes("app/manifests/v1");
  for (let i = 0; i < 2; i++) await service.bytes(PATH);
  await service.stop();
  const other = service.another();
  const moved = image(["moved"]);
  registry.add("app", moved, "v1");
  await other.bytes("app/manifests/v1");
  assert.deepEqual(await usesOf(other), [
    `v1 new 1, ${APP.bytes.length + 300_000} fetched, 0 saved`,
    "v1 hit 3, 0 fetched, 600000 saved",
    `v1 moved 1, ${moved.bytes.length} fetched, 0 saved`,
  ]);
  const events = new Journal(service.layout).read();
  const { hits, misses, causes, saved } = statsOf(events);
  assert.deepEqual({ hits, misses, causes, saved }, {
    hits: 3,
    misses: 2,
    causes: { new: 1, moved: 1 },
    saved: 600_000,
  });
  const history = historyOf(events, () => true);
  assert.deepEqual(history.map((event) => event.kind === "hit" ? event.uses : event.kind), [
    "fetched",
    3,
    "fetched",
  ]);
});

Deno.test("serve counts a part that is asked for later, and what clients have in common", async () => {
  await using first = await TestService.start();
  first.registry.add("app", APP, "v1");
  await first.bytes("app/manifests/v1");
  assert.equal((await usesOf(first)).length, 1);
  const service = first.another();
  const gate = new Gate();
  service.registry.fail("/blobs/", heldAfter(150_000, gate));
  const responses = [await service.request(PATH), await service.request(PATH)];
  gate.open();
  for (const response of responses) await response.arrayBuffer();
  const [, written] = await usesOf(service);
  assert.equal(written, "v1 part 1, 300000 fetched, 300000 saved");
  const [event] = historyOf(new Journal(service.layout).read(), () => true).slice(-1);
  assert.deepEqual(event!.kind === "fetched" && event!.because, { cause: "part" });
});

Deno.test("serve counts manifests by digest for the tag that has them, or for themselves", async () => {
  await using service = await TestService.start();
  const many = multiPlatform("linux/amd64", "linux/arm64");
  const [child] = many.children;
  service.registry.add("app", many, "v1");
  const digest = many.descriptor.digest;
  await service.bytes(`app/manifests/${digest}`);
  await service.bytes(`app/manifests/${child!.descriptor.digest}`);
  const length = many.bytes.length + child!.bytes.length;
  assert.deepEqual(await usesOf(service), [`${digest} new 1, ${length} fetched, 0 saved`]);
});

Deno.test("serve writes no use for what does not exist", async () => {
  await using service = await TestService.start();
  await service.error("app/manifests/v1");
  await service.error(PATH);
  assert.deepEqual(await usesOf(service), []);
});
