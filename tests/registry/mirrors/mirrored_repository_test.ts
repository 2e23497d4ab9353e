import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { LarderError } from "../../../src/base/errors.ts";
import { TRIES } from "../../../src/base/tries.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Reference } from "../../../src/oci/reference.ts";
import { transfer } from "../../../src/pull/transfer/transfer.ts";
import { RegistryClient } from "../../../src/registry/client.ts";
import { RetryTransport } from "../../../src/registry/http/retry.ts";
import type { HttpRequest, Transport } from "../../../src/registry/http/transport.ts";
import type { Mirror, MirrorUse } from "../../../src/registry/mirrors/route.ts";
import { BlobStore } from "../../../src/store/blobs/blob_store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { describe, sampleBytes } from "../../support/cache/blobs.ts";
import { image } from "../../support/cache/artifacts.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { type FakeResponse, response } from "../../support/registry/fake_transport.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const NAME: Reference = { registry: "reg.test", repository: "app", tag: "v1" };
const ARTIFACT = image(["a layer"]);
const DIGEST = ARTIFACT.descriptor.digest as Digest;
const BYTES = sampleBytes(1000);
const BLOB = describe(BYTES);

/** How a host answers requests for manifests or for blobs. */
const BEHAVIOURS = ["good", "missing", "wrong", "page", "busy", "broken", "denied", "down", "cut"];
type Behaviour = typeof BEHAVIOURS[number];

interface Host {
  readonly manifests: Behaviour;
  readonly blobs: Behaviour;
}

/** Hosts that behave as told; those that are not named are good. */
class Hosts implements Transport {
  readonly lines: string[] = [];

  constructor(readonly hosts: Readonly<Record<string, Host>>) {}

  asked(what: string): string[] {
    return this.lines.filter((line) => line.includes(what)).map((line) => line.split(" ")[1]!);
  }

  // deno-lint-ignore require-await
  async send(request: HttpRequest): Promise<FakeResponse> {
    const { method, url, headers } = request;
    this.lines.push(`${method} ${url.host} ${url.pathname}`);
    const isBlob = url.pathname.includes("/blobs/");
    const host = this.hosts[url.host];
    const behaviour = (isBlob ? host?.blobs : host?.manifests) ?? "good";
    if (behaviour === "down") throw unreachable(url.host);
    const answer = answerOf(behaviour, isBlob, Number(/\d+/.exec(headers.range ?? "")?.[0] ?? 0));
    answer.url = url.href;
    return answer;
  }
}

function answerOf(behaviour: Behaviour, isBlob: boolean, from: number): FakeResponse {
  const statuses: Record<Behaviour, number> = { missing: 404, busy: 429, broken: 500, denied: 403 };
  const status = statuses[behaviour];
  if (status !== undefined) return response(status);
  if (behaviour === "page") return response(200, { "content-type": "text/html" }, "<html>");
  const whole = isBlob ? BYTES : ARTIFACT.bytes;
  const range = { "content-range": `bytes ${from}-${whole.length - 1}/${whole.length}` };
  const headers: Record<string, string> = isBlob
    ? from > 0 ? range : {}
    : { "content-type": ARTIFACT.descriptor.mediaType, "docker-content-digest": DIGEST };
  const rest = whole.slice(from);
  if (behaviour === "wrong") rest.forEach((_, i) => rest[i]! ^= 0xff);
  const sent = behaviour === "cut" ? rest.slice(0, Math.floor(rest.length / 2)) : rest;
  return response(from > 0 ? 206 : 200, headers, [sent]);
}

function unreachable(host: string): LarderError {
  return new LarderError("LDR_UNREACHABLE", `cannot reach ${host}`, { hint: "h" });
}

function mirror(registry: string, use: MirrorUse = "all"): Mirror {
  return { registry, repository: "reg.test/app", use };
}

function open(hosts: Hosts, mirrors: readonly Mirror[], reference: Reference = NAME) {
  const clock = new FakeClock();
  const warnings: string[] = [];
  const client = new RegistryClient({
    clock,
    transport: new RetryTransport(hosts, clock),
    authorizer: {
      current: () => undefined,
      authorize: () => Promise.reject(unreachable("tokens")),
    },
    mirrors: {
      route: () => Promise.resolve({ mirrors }),
      warn: (message) => warnings.push(message),
    },
  });
  return { client, repository: client.repository(reference), warnings, clock };
}

async function fetchBlob({ repository, clock }: ReturnType<typeof open>): Promise<Uint8Array> {
  using folder = new TemporaryFolder();
  const store = new BlobStore(new Layout(join(folder.path, "registry")));
  await transfer(repository, BLOB, () => store.ingest(BLOB), { clock });
  return Deno.readFileSync(store.find(BLOB)!);
}

Deno.test("MirroredRepository returns what the registry has, however its mirrors fail", async () => {
  const behaviour = fc.constantFrom(...BEHAVIOURS);
  const host = fc.record({ manifests: behaviour, blobs: behaviour });
  await fc.assert(
    fc.asyncProperty(fc.array(host, { minLength: 1, maxLength: 4 }), async (list) => {
      const names = list.map((_, i) => `m${i}.test`);
      const hosts = new Hosts(Object.fromEntries(list.map((each, i) => [names[i]!, each])));
      const opened = open(hosts, names.map((name) => mirror(name)));
      assert.equal(await opened.repository.head("v1"), DIGEST);
      assert.equal((await opened.repository.manifest("v1")).digest, DIGEST);
      const firstGood = list.findIndex(({ manifests }) => manifests === "good");
      const wanted = firstGood < 0 ? [...names, "reg.test"] : names.slice(0, firstGood + 1);
      assert.deepEqual([...new Set(hosts.asked("/manifests/"))], wanted);

      assert.deepEqual(await fetchBlob(opened), BYTES);
      const warned = opened.warnings.map((text) => /mirror (\S+):/.exec(text)![1]!);
      assert.equal(new Set(warned).size, warned.length, "one warning for each mirror");
      const faultless = names.filter((_, i) =>
        [list[i]!.manifests, list[i]!.blobs].every((each) => each === "good" || each === "missing")
      );
      assert.ok(!warned.some((name) => faultless.includes(name)));
      if (list.some(({ manifests, blobs }) => manifests === "good" && blobs === "good")) {
        assert.deepEqual(hosts.asked("/blobs/").filter((name) => name === "reg.test"), []);
      }
    }),
    {
      numRuns: 60,
      // Two broken bodies of each would leave the registry no try.
      examples: [[["page", "cut", "page"].map((blobs) => ({ manifests: "good", blobs }))]],
    },
  );
});

Deno.test("MirroredRepository continues a broken download at the next place from its offset", async () => {
  const hosts = new Hosts({ "m.test": { manifests: "good", blobs: "cut" } });
  const opened = open(hosts, [mirror("m.test")]);
  assert.deepEqual(await fetchBlob(opened), BYTES);
  assert.deepEqual(hosts.asked("/blobs/"), ["m.test", "m.test", "reg.test"]);
  assert.equal(opened.warnings.length, 1);
});

Deno.test("MirroredRepository asks a mirror that failed again after a minute", async () => {
  const hosts = new Hosts({ "m.test": { manifests: "denied", blobs: "good" } });
  const opened = open(hosts, [mirror("m.test")]);
  await opened.repository.manifest("v1");
  await opened.repository.manifest("v1");
  assert.deepEqual(hosts.asked("/manifests/"), ["m.test", "reg.test", "reg.test"]);
  opened.clock.time += 60_000;
  await opened.repository.manifest("v1");
  assert.deepEqual(hosts.asked("/manifests/").slice(3), ["m.test", "reg.test"]);
  assert.equal(opened.warnings.length, 1);
});

Deno.test("MirroredRepository remembers a mirror that is down for all repositories of a client", async () => {
  const hosts = new Hosts({ "m.test": { manifests: "down", blobs: "down" } });
  const { client, repository, warnings } = open(hosts, [mirror("m.test")]);
  await repository.manifest("v1");
  await client.repository({ ...NAME, repository: "other" }).manifest("v1");
  assert.deepEqual(hosts.asked("/manifests/"), ["m.test", "reg.test", "reg.test"]);
  assert.equal(warnings.length, 1);
});

Deno.test("MirroredRepository leaves the tries of others at the same host alone", async () => {
  const busy = { manifests: "busy", blobs: "good" };
  const hosts = new Hosts({ "m.test": busy });
  const { client, repository } = open(hosts, [mirror("m.test")]);
  await repository.manifest("v1");
  assert.equal(hosts.asked("/manifests/").filter((name) => name === "m.test").length, 1);
  const own = client.repository({ ...NAME, registry: "m.test" });
  await assert.rejects(own.manifest("v1"), /429/);
  assert.equal(hosts.asked("/v2/app/").filter((name) => name === "m.test").length, TRIES);
});

Deno.test("MirroredRepository fails as the registry does if no place answers", async () => {
  const busy = { manifests: "busy", blobs: "busy" };
  const hosts = new Hosts({ "m.test": busy, "reg.test": { manifests: "missing", blobs: "good" } });
  const { repository } = open(hosts, [mirror("m.test")]);
  await assert.rejects(repository.manifest("v1"), /not found: reg.test\/app:v1/);
});

Deno.test("MirroredRepository.ask asks the registry, and the mirrors only while that fails", async () => {
  const rows: [registry: Behaviour, mirrors: Behaviour[], answered: string | number][] = [
    ["good", ["good"], "reg.test"],
    ["missing", ["good"], 404],
    ["down", ["good"], "m0.test"],
    ["busy", ["down", "good"], "m1.test"],
    ["broken", ["missing", "denied"], 500],
  ];
  for (const [registry, mirrors, answered] of rows) {
    const names = mirrors.map((_, i) => `m${i}.test`);
    const hosts = new Hosts(Object.fromEntries(
      [["reg.test", registry], ...mirrors.map((each, i) => [names[i]!, each])]
        .map(([name, manifests]) => [name, { manifests: manifests!, blobs: "good" }]),
    ));
    const { repository } = open(hosts, names.map((name) => mirror(name)));
    const { status, url } = await repository.ask("GET", "referrers/x");
    assert.equal(status === 200 ? new URL(url).host : status, answered, registry);
  }
  const nowhere = open(
    new Hosts(Object.fromEntries(
      ["reg.test", "m.test"].map((name) => [name, { manifests: "down", blobs: "good" }]),
    )),
    [mirror("m.test")],
  );
  await assert.rejects(nowhere.repository.ask("GET", "referrers/x"), /cannot reach reg.test/);
});

for (
  const [use, digest, tags, digests] of [
    ["all", undefined, true, true],
    ["digest-only", undefined, false, true],
    ["tag-only", undefined, true, true],
    ["tag-only", DIGEST, false, false],
  ] as const
) {
  const what = digest ? "a reference with a digest" : "a tag";
  Deno.test(`MirroredRepository asks a mirror for ${use} as it may for ${what}`, async () => {
    const hosts = new Hosts({});
    const { repository } = open(hosts, [mirror("m.test", use)], { ...NAME, digest });
    const first = () => hosts.lines.splice(0)[0]!.includes("m.test");
    await repository.manifest("v1");
    assert.equal(first(), tags);
    await repository.manifest(DIGEST);
    assert.equal(first(), digests);
  });
}

Deno.test("MirroredRepository.mirrorsUsed names the mirrors that sent something useful", async () => {
  const hosts = new Hosts({
    "bad.test": { manifests: "missing", blobs: "wrong" },
    "good.test": { manifests: "good", blobs: "missing" },
  });
  const opened = open(hosts, [mirror("bad.test"), mirror("good.test")]);
  await opened.repository.manifest("v1");
  await fetchBlob(opened);
  assert.deepEqual(opened.repository.mirrorsUsed(), ["good.test"]);
});
