import assert from "node:assert/strict";
import { join } from "node:path";
import type { EntryRecord } from "../../src/store/entries/app_record.ts";
import { ManifestStore, readEntryRecord } from "../../src/store/manifest_store.ts";
import { blob, image, multiPlatform } from "../support/cache/artifacts.ts";
import { betweenCalls } from "../support/cache/fs_calls.ts";
import { isLocked } from "../support/cache/stepwise_publisher.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { TestPuller } from "../support/cache/test_puller.ts";
import { Gate } from "../support/gate.ts";
import { held } from "../support/registry/faults.ts";

const OLD = image(["old", "shared"]);
const OWN = blob("of the old image");
const SLOW = image([OWN, "shared"]);
const NEW = image(["new", "shared"]);

/** A puller of `app:v1`, whose requests a test can hold. */
class Fixture implements AsyncDisposable {
  private constructor(readonly puller: TestPuller) {}

  static async start(): Promise<Fixture> {
    return new Fixture(await TestPuller.start());
  }

  get record(): EntryRecord {
    const { layout } = this.puller;
    const record = readEntryRecord(new ManifestStore(layout).folder(this.puller.reference()));
    assert.ok(record);
    return record;
  }

  /** Runs `work` with the request for `what` held while `meanwhile` runs. */
  async during<T>(
    what: string,
    work: () => Promise<T>,
    meanwhile: () => Promise<unknown>,
  ): Promise<T> {
    const gate = new Gate();
    this.puller.registry.fail(what, held(gate), 1);
    const working = work();
    await gate.reachedBy(working);
    this.puller.clock.time += 1000;
    await meanwhile();
    this.puller.clock.time += 1000;
    gate.open();
    return await working;
  }

  /** Moves the tag and pulls it. */
  async pullNew(): Promise<void> {
    this.puller.registry.add("app", NEW, "v1");
    assert.equal((await this.puller.pull()).digest, NEW.descriptor.digest);
  }

  /** @param midway true while another pull runs */
  assertEntryIs({ descriptor }: typeof NEW, { midway = false } = {}): void {
    assert.equal(this.record.digest, descriptor.digest);
    assertStoreSound(this.puller.layout.root);
    if (!midway) assertNoStrayFiles(this.puller.layout.root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.puller[Symbol.asyncDispose]();
  }
}

for (const before of [undefined, OLD]) {
  const entry = before ? "an older entry" : "no entry";
  Deno.test(`Puller.pull leaves an entry that a later check has moved meanwhile, from ${entry}`, async () => {
    await using fixture = await Fixture.start();
    const { puller } = fixture;
    if (before) {
      puller.registry.add("app", before, "v1");
      await puller.pull();
    }
    puller.registry.add("app", SLOW, "v1");
    const result = await fixture.during(
      OWN.descriptor.digest,
      () => puller.pull(),
      () => fixture.pullNew(),
    );
    assert.equal(result.digest, SLOW.descriptor.digest);
    fixture.assertEntryIs(NEW);
  });
}

Deno.test("Puller.pull replaces an entry that an earlier check has moved meanwhile", async () => {
  await using fixture = await Fixture.start();
  const { puller } = fixture;
  const [earlier, later] = [new Gate(), new Gate()];
  puller.registry.add("app", SLOW, "v1");
  puller.registry.fail(OWN.descriptor.digest, held(earlier), 1);
  const pull = puller.pull();
  await earlier.reachedBy(pull);
  puller.clock.time += 1000;
  puller.registry.add("app", NEW, "v1");
  puller.registry.fail(NEW.blobs[1]!.descriptor.digest, held(later), 1);
  const last = puller.pull();
  await later.reachedBy(last);
  earlier.open();
  await pull;
  fixture.assertEntryIs(SLOW, { midway: true });
  later.open();
  await last;
  fixture.assertEntryIs(NEW);
});

Deno.test("Puller.pull leaves a whole entry if another process publishes before any call of an unchanged pull", async () => {
  let calls = 0;
  for (let step = 1; calls >= step - 1; step++) {
    await using fixture = await Fixture.start();
    const { puller } = fixture;
    puller.registry.add("app", OLD, "v1");
    puller.registry.add("app", NEW, "v2");
    for (const tag of ["v1", "v2"]) await puller.pull({}, puller.reference("app", tag));
    const [folder, other] = ["v1", "v2"].map((tag) =>
      puller.layout.tagFolder(puller.reference(), tag)
    );
    calls = 0;
    await betweenCalls(() => {
      if (++calls === step && !isLocked(folder!)) replaceBy(other!, folder!);
    }, () => puller.pull());
    assertStoreSound(puller.layout.root);
    assertNoStrayFiles(puller.layout.root);
  }
  assert.ok(calls > 0);
});

/** Replaces the files of one tag by those of another, as another process that publishes them does. */
function replaceBy(other: string, folder: string): void {
  for (const name of ["manifest.json", "config.json"]) {
    Deno.copyFileSync(join(other, name), join(folder, name));
  }
  const record = Deno.readTextFileSync(join(other, "record.json")).replace(":v2", ":v1");
  Deno.writeTextFileSync(join(folder, "record.json"), record);
}

Deno.test("Puller.restore leaves an entry that was pulled meanwhile", async () => {
  await using fixture = await Fixture.start();
  const { puller } = fixture;
  puller.registry.add("app", SLOW, "v1");
  await puller.pull();
  const { record } = fixture;
  Deno.removeSync(join(puller.layout.tree("data"), OWN.descriptor.digest));
  await fixture.during(
    OWN.descriptor.digest,
    () => puller.inner.restore(puller.reference(), record, { transfers: 1 }),
    () => fixture.pullNew(),
  );
  fixture.assertEntryIs(NEW);
});

for (const isCached of [true, false]) {
  const kind = isCached ? "an unchanged pull" : "a first pull";
  Deno.test(`Puller.pull keeps the platforms that another process adds during ${kind}`, async () => {
    await using fixture = await Fixture.start();
    const { puller } = fixture;
    const app = multiPlatform("wasi/wasm", "linux/arm64");
    puller.registry.add("app", app, "v1");
    if (isCached) await puller.pull();
    await fixture.during(
      isCached ? "HEAD /v2/app/manifests/v1" : app.children[0]!.descriptor.digest,
      () => puller.pull(),
      () => puller.pull({ allPlatforms: true }),
    );
    assert.equal(fixture.record.allPlatforms, true);
    fixture.assertEntryIs(app);
  });
}

Deno.test("Puller.pull replaces an entry that was checked in the future", async () => {
  await using fixture = await Fixture.start();
  const { puller } = fixture;
  puller.registry.add("app", OLD, "v1");
  await puller.pull();
  puller.clock.time -= 60_000;
  await fixture.pullNew();
  fixture.assertEntryIs(NEW);
});
