import assert from "node:assert/strict";
import { join } from "node:path";
import { image, multiPlatform } from "../../support/cache/artifacts.ts";
import { flipBit } from "../../support/cache/damage.ts";
import { assertStoreSound, filesBelow } from "../../support/cache/store_check.ts";
import { Gate } from "../../support/gate.ts";
import { held, html, status, tooManyRequests, wrongBytes } from "../../support/registry/faults.ts";
import { TestService } from "../../support/registry/test_service.ts";

const ONE = image(["one"]);
const TWO = image(["two"]);

Deno.test("a tag costs one HEAD after the first time, and a GET only when it has moved", async () => {
  await using service = await TestService.start();
  const { registry, clock } = service;
  registry.add("app", ONE, "v1");
  assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
  const lines = () => registry.requests("/manifests/").map(({ line }) => line);
  assert.deepEqual(lines(), ["GET /v2/app/manifests/v1"]);
  registry.clearLog();
  assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
  assert.deepEqual(lines(), [], "within a second");
  clock.time += 1000;
  assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
  assert.deepEqual(lines(), ["HEAD /v2/app/manifests/v1"]);
  registry.clearLog();
  clock.time += 1000;
  registry.add("app", TWO, "v1");
  const headers = await service.head("app/manifests/v1");
  assert.equal(headers.get("docker-content-digest"), TWO.descriptor.digest);
  assert.deepEqual(await service.bytes("app/manifests/v1"), TWO.bytes);
  assert.deepEqual(lines(), ["HEAD /v2/app/manifests/v1", "GET /v2/app/manifests/v1"]);
  registry.clearLog();
  clock.time += 1000;
  registry.add("app", ONE, "v1");
  assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
  assert.deepEqual(lines(), ["HEAD /v2/app/manifests/v1"], "it has moved back");
  assertStoreSound(service.layout.root);
});

Deno.test("clients that ask for a tag at the same time share one request", async () => {
  await using service = await TestService.start();
  const { registry, clock } = service;
  registry.add("app", ONE, "v1");
  await service.bytes("app/manifests/v1");
  clock.time += 5000;
  registry.clearLog();
  const gate = new Gate();
  registry.fail("HEAD", held(gate));
  const answers = Array.from({ length: 6 }, () => service.bytes("app/manifests/v1"));
  await gate.reached;
  gate.open();
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, ONE.bytes);
  assert.equal(registry.requests("HEAD").length, 1);
});

Deno.test("a tag is served with its digest, type and entity tag", async () => {
  await using service = await TestService.start();
  const artifact = multiPlatform("linux/amd64", "linux/arm64");
  service.registry.add("app", artifact, "v1");
  const { digest, mediaType } = artifact.descriptor;
  const headers = await service.head("app/manifests/v1");
  assert.equal(headers.get("content-type"), mediaType);
  assert.equal(headers.get("docker-content-digest"), digest);
  assert.equal(headers.get("content-length"), String(artifact.bytes.length));
  assert.equal(headers.get("etag"), `"${digest}"`);
  const etag = { headers: { "if-none-match": `"${digest}"` } };
  assert.equal((await service.bytes("app/manifests/v1", 304, etag)).length, 0);
  const other = { headers: { "if-none-match": '"other"' } };
  assert.deepEqual(await service.bytes("app/manifests/v1", 200, other), artifact.bytes);
});

const AWAY = {
  "503": status(503),
  "429": tooManyRequests(),
  "429 for an hour": tooManyRequests("3600"),
};

Deno.test("a cached tag is served with its age while the registry fails, until it is too old", async (t) => {
  for (const [name, fault] of Object.entries(AWAY)) {
    await t.step(name, async () => {
      await using service = await TestService.start({ staleIfError: 60_000 });
      const { registry, clock } = service;
      registry.add("app", ONE, "v1");
      await service.bytes("app/manifests/v1");
      registry.fail("/v2/", fault);
      clock.time += 42_000;
      const response = await service.request("app/manifests/v1");
      assert.deepEqual(new Uint8Array(await response.arrayBuffer()), ONE.bytes);
      assert.equal(response.headers.get("age"), "42");
      assert.match(response.headers.get("warning")!, /^110 /);
      clock.time += 20_000;
      assert.match(await service.error("app/manifests/v1"), /^(?:502|429) /);
      const { digest } = ONE.descriptor;
      assert.deepEqual(await service.bytes(`app/manifests/${digest}`), ONE.bytes, "by digest");
    });
  }
});

Deno.test("a registry's 429 is passed on with Retry-After if nothing is cached", async () => {
  await using service = await TestService.start();
  service.registry.add("app", ONE, "v1");
  service.registry.fail("/v2/", tooManyRequests("3600"));
  const response = await service.request("app/manifests/v1");
  assert.equal(response.status, 429);
  assert.equal(response.headers.get("retry-after"), "3600");
  assert.equal((await response.json()).errors[0].code, "TOOMANYREQUESTS");
  assert.equal(service.registry.requests().length, 1, "it was asked again");
});

Deno.test("a cached tag is served if the registry does not answer for long", async () => {
  await using service = await TestService.start();
  const { registry, clock } = service;
  registry.add("app", ONE, "v1");
  await service.bytes("app/manifests/v1");
  const gate = new Gate();
  registry.fail("HEAD", held(gate));
  clock.time += 2000;
  const patience = Promise.withResolvers<void>();
  clock.sleep = (milliseconds) => milliseconds === 0 ? Promise.resolve() : patience.promise;
  const answer = service.request("app/manifests/v1");
  await gate.reached;
  patience.resolve();
  const response = await answer;
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), ONE.bytes);
  assert.equal(response.headers.get("age"), "2");
  assert.match(service.warnings[0]!, /not answered within 5 seconds/);
  gate.open();
});

Deno.test("an answer that is not a manifest is not served", async (t) => {
  for (const [name, fault] of Object.entries({ html, wrongBytes })) {
    await t.step(name, async () => {
      await using service = await TestService.start();
      service.registry.add("app", ONE, "v1");
      service.registry.fail("GET", fault);
      assert.equal(await service.error("app/manifests/v1"), "502 UNAVAILABLE");
      const { digest } = ONE.descriptor;
      assert.equal(await service.error(`app/manifests/${digest}`), "502 UNAVAILABLE");
      service.registry.heal();
      assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
    });
  }
});

Deno.test("what does not exist gets the codes of the specification", async () => {
  await using service = await TestService.start();
  service.registry.add("app", ONE, "v1");
  const digest = `sha256:${"0".repeat(64)}`;
  assert.equal(await service.error("app/manifests/v2"), "404 MANIFEST_UNKNOWN");
  assert.equal(await service.error(`app/manifests/${digest}`), "404 MANIFEST_UNKNOWN");
  assert.equal(await service.error(`app/blobs/${digest}`), "404 BLOB_UNKNOWN");
  assert.equal(await service.error("nope/tags/list"), "404 NAME_UNKNOWN");
  assert.equal(await service.error("app/manifests/sha256:12"), "400 DIGEST_INVALID");
  assert.equal(await service.error("app/blobs/sha256:zz"), "400 DIGEST_INVALID");
  const push = { method: "POST" };
  assert.equal(await service.error("app/blobs/uploads/", push), "405 UNSUPPORTED");
  assert.equal(await service.error("app/manifests/v1", { method: "PUT" }), "405 UNSUPPORTED");
});

Deno.test("a manifest that the disk does not take is served, and kept once the disk takes it", async () => {
  await using service = await TestService.start();
  const { registry, layout, clock, warnings } = service;
  registry.add("app", ONE, "v1");
  registry.add("app", ONE, "v2");
  const { digest } = ONE.descriptor;
  const folder = join(layout.manifests, layout.fileName(registry.host), "app");
  Deno.mkdirSync(folder, { recursive: true });
  const blocked = join(folder, layout.fileName(digest));
  Deno.writeTextFileSync(blocked, "");
  const names = ["v1", digest, "v2"];
  for (const name of names) {
    assert.deepEqual(await service.bytes(`app/manifests/${name}`), ONE.bytes);
  }
  assert.match(warnings[0]!, new RegExp(`^cannot keep ${digest} of .*/app: cannot `));
  assert.deepEqual(filesBelow(layout.manifests), [blocked], "nothing half-written stays");
  Deno.removeSync(blocked);
  clock.time += 60_000;
  for (const name of names) {
    assert.deepEqual(await service.bytes(`app/manifests/${name}`), ONE.bytes);
    assertStoreSound(layout.root);
  }
  assert.equal(registry.requests("GET /v2/app/manifests/").length, 2, "the first of each tag");
  const records = filesBelow(folder).filter((path) => path.endsWith("record.json"));
  assert.equal(records.length, 2);
});

Deno.test("a damaged manifest or record is replaced, and not served", async (t) => {
  const damages: Record<string, (path: string) => void> = {
    "other bytes": (path) => {
      flipBit(path);
      // Two writes within the resolution of the time of files would look like one.
      Deno.utimeSync(path, 1, 1);
    },
    empty: (path) => Deno.truncateSync(path),
    missing: (path) => Deno.removeSync(path),
  };
  const { digest } = ONE.descriptor;
  for (const file of ["v1/record.json", `${digest}/manifest.json`]) {
    for (const [name, damage] of Object.entries(damages)) {
      await t.step(`${file.replace(digest, "DIGEST")}: ${name}`, async () => {
        await using service = await TestService.start();
        const { registry, layout, clock } = service;
        registry.add("app", ONE, "v1");
        await service.bytes("app/manifests/v1");
        const folder = join(layout.manifests, layout.fileName(registry.host), "app");
        damage(join(folder, ...file.split("/").map((part) => layout.fileName(part))));
        clock.time += 60_000;
        for (const target of ["v1", digest]) {
          assert.deepEqual(await service.bytes(`app/manifests/${target}`), ONE.bytes);
        }
        const next = service.another({ clock });
        assert.deepEqual(await next.bytes(`app/manifests/${digest}`), ONE.bytes);
        await next.stop();
        assertStoreSound(layout.root);
        assert.deepEqual(service.warnings, []);
      });
    }
  }
});

Deno.test("an offline server serves what is cached and asks nothing", async () => {
  await using service = await TestService.start();
  service.registry.add("app", ONE, "v1");
  await service.bytes("app/manifests/v1");
  service.registry.clearLog();
  service.clock.time += 1e9;
  const offline = service.another({ offline: true });
  offline.clock.time = service.clock.time;
  assert.deepEqual(await offline.bytes("app/manifests/v1"), ONE.bytes);
  assert.equal(await offline.error("app/manifests/v2"), "404 MANIFEST_UNKNOWN");
  await offline.stop();
  assert.equal(service.registry.requests().length, 0);
});

Deno.test("a manifest by digest has an entry of its own only if no other keeps it", async () => {
  await using service = await TestService.start();
  const { registry, layout } = service;
  const artifact = multiPlatform("linux/amd64", "linux/arm64");
  registry.add("app", artifact, "v1");
  registry.add("app", ONE, "one");
  await service.bytes("app/manifests/v1");
  const [child] = artifact.children;
  await service.bytes(`app/manifests/${child!.descriptor.digest}`);
  await service.bytes(`app/manifests/${ONE.descriptor.digest}`);
  const folder = join(layout.manifests, layout.fileName(registry.host), "app");
  const hasRecord = (name: string) => {
    const names = [...Deno.readDirSync(join(folder, layout.fileName(name)))].map(({ name }) =>
      name
    );
    return names.includes("record.json");
  };
  assert.deepEqual(
    ["v1", artifact.descriptor.digest, child!.descriptor.digest, ONE.descriptor.digest].map(
      hasRecord,
    ),
    [true, false, false, true],
  );
  assertStoreSound(layout.root);
});

Deno.test("a clock that is set back delays no request to a registry", async () => {
  await using service = await TestService.start();
  const { registry, clock } = service;
  registry.add("app", ONE, "v1");
  assert.deepEqual(await service.bytes("app/manifests/v1"), ONE.bytes);
  registry.add("app", TWO, "v1");
  clock.step -= 7_200_000;
  clock.time += 1000;
  assert.deepEqual(await service.bytes("app/manifests/v1"), TWO.bytes);
  registry.fail("/v2/new/", status(503));
  await service.bytes("new/manifests/v1", 502);
  registry.heal();
  registry.add("new", ONE, "v1");
  clock.step -= 7_200_000;
  clock.time += 60_000;
  assert.deepEqual(await service.bytes("new/manifests/v1"), ONE.bytes);
});
