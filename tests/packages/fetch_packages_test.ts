import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { systemClock } from "../../src/base/concurrency.ts";
import { fetchPackages } from "../../src/packages/fetch_packages.ts";
import type { PackageOptions } from "../../src/packages/package_options.ts";
import type { PackageRequest, PackageResults } from "../../src/packages/package_request.ts";
import { requestForUrl } from "../../src/packages/url_request.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { httpTransport } from "../../src/registry/http/transport_stack.ts";
import { Journal } from "../../src/store/journal/journal.ts";
import { Layout } from "../../src/store/layout.ts";
import { assertBlobsSound, assertNoStrayFiles, filesBelow } from "../support/cache/store_check.ts";
import { Gate } from "../support/gate.ts";
import { failureOf } from "../support/failure_of.ts";
import {
  body,
  endlessBody,
  held,
  redirectLoop,
  resetAfter,
  shortChunks,
  status,
  withHeader,
  withoutHeader,
} from "../support/registry/faults.ts";
import { debBytes, digestOfBytes, FileServer } from "../support/registry/file_server.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const PATH = "/debian/pool/hello_2.10-3_amd64.deb";
const HELLO = debBytes(3 * 1024 * 1024);
const OTHER = debBytes(3 * 1024 * 1024, 2);

/** A cache, and pauses between tries that take no time. */
class TestCache extends TemporaryFolder {
  readonly layout = new Layout(join(this.path, "registry"));
  readonly notes: string[] = [];

  fetch(
    requests: readonly PackageRequest[],
    options: Partial<PackageOptions> = {},
    elapsed: () => number = systemClock.elapsed,
  ): Promise<PackageResults> {
    const clock = { ...systemClock, elapsed, sleep: () => Promise.resolve() };
    const transport = httpTransport({ clock });
    const deps = { layout: this.layout, transport, clock };
    const note = (message: string) => void this.notes.push(message);
    return fetchPackages(requests, deps, { transfers: 16, ...options }, { note });
  }

  /** Fetches one package and returns `OUTCOME CAUSE DIGEST`, or the code of its failure. */
  async outcome(request: PackageRequest, options: Partial<PackageOptions> = {}): Promise<string> {
    const { results: [result], failures: [failure] } = await this.fetch([request], options);
    if (failure) return failure.error.code;
    assert.equal(digestOfBytes(Deno.readFileSync(result!.path)), result!.digest);
    return `${result!.outcome} ${result!.cause ?? "hit"} ${result!.digest}`;
  }

  assertSound(): void {
    assertBlobsSound(this.layout.root);
    assertNoStrayFiles(this.layout.root);
  }
}

const SHA = digestOfBytes(HELLO) as Digest;
const OTHER_SHA = digestOfBytes(OTHER) as Digest;

Deno.test("fetchPackages fetches the largest and the smallest package in turn", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const requests = [300, 100, 500, 200, 400].map((size) => {
    const bytes = debBytes(size);
    const digest = digestOfBytes(bytes) as Digest;
    return { ...requestForUrl(server.add(`/p${size}_1_amd64.deb`, bytes)), digest, size };
  });
  await cache.fetch(requests, { transfers: 1 });
  const sizes = server.requests().map(({ path }) => Number(/p(\d+)_/.exec(path)?.[1]));
  assert.deepEqual(sizes, [500, 100, 400, 200, 300]);
});

Deno.test("fetchPackages fetches a large package of a known digest in ranges if the line is slow", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const bytes = debBytes(5 * 1024 * 1024);
  const digest = digestOfBytes(bytes) as Digest;
  const request = { ...requestForUrl(server.add(PATH, bytes)), digest, size: bytes.length };
  // A second passes between any two looks at the clock.
  let time = 0;
  const { results } = await cache.fetch([request], {}, () => time += 1000);
  assert.deepEqual(results.map(({ outcome, size }) => [outcome, size]), [[
    "fetched",
    bytes.length,
  ]]);
  assert.ok(server.requests().length > 1, `${server.requests().length} requests`);
  cache.assertSound();
});

Deno.test("fetchPackages fetches a package once, and then makes no request", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = requestForUrl(server.add(PATH, HELLO));
  assert.equal(await cache.outcome(request), `fetched new ${SHA}`);
  assert.equal(server.requests().length, 1);
  assert.equal(await cache.outcome(request), `cached hit ${SHA}`);
  assert.equal(await cache.outcome({ ...request, digest: SHA }), `cached hit ${SHA}`);
  const sha512 = digestOfBytes(HELLO, "sha512") as Digest;
  assert.equal(await cache.outcome({ ...request, digest: sha512 }), `cached hit ${SHA}`);
  assert.equal(await cache.outcome(request, { offline: true }), `cached hit ${SHA}`);
  assert.equal(server.requests().length, 1);
  cache.assertSound();
});

Deno.test("fetchPackages checks the digest of a request", async () => {
  await using server = await FileServer.start();
  for (const algorithm of ["sha256", "sha512"] as const) {
    using cache = new TestCache();
    const request = requestForUrl(server.add(PATH, HELLO));
    const [right, wrong] = [HELLO, OTHER].map((bytes) => digestOfBytes(bytes, algorithm) as Digest);
    assert.equal(await cache.outcome({ ...request, digest: wrong }), "LDR_DIGEST_MISMATCH");
    const { results } = await cache.fetch([{ ...request, digest: right }]);
    assert.equal(results[0]?.digest, right);
    cache.assertSound();
  }
});

Deno.test("fetchPackages refuses other content under the name of a cached package", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = requestForUrl(server.add(PATH, HELLO));
  await cache.fetch([request]);
  server.add(PATH, OTHER);
  const { failures: [failure] } = await cache.fetch([{ ...request, digest: OTHER_SHA }]);
  assert.equal(failure?.error.code, "LDR_DIGEST_MISMATCH");
  assert.ok(failure.error.message.includes(SHA) && failure.error.message.includes(OTHER_SHA));
  const sha512 = digestOfBytes(OTHER, "sha512") as Digest;
  assert.equal(await cache.outcome({ ...request, digest: sha512 }), "LDR_DIGEST_MISMATCH");
  assert.equal(server.requests().length, 1, "a conflict is found without a request");
  assert.equal(await cache.outcome(request), `cached hit ${SHA}`);

  assert.equal(await cache.outcome(request, { replace: true }), `fetched moved ${OTHER_SHA}`);
  assert.equal(await cache.outcome(request), `cached hit ${OTHER_SHA}`);
  const back = { ...request, digest: SHA };
  assert.equal(await cache.outcome(back, { replace: true }), `cached moved ${SHA}`);
});

Deno.test("fetchPackages fetches a damaged or missing package again, and no other", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const requests = [1, 2, 3].map((seed) =>
    requestForUrl(server.add(`/p${seed}_1_all.deb`, debBytes(5000, seed)))
  );
  const { results: [missing, damaged, cut] } = await cache.fetch(requests);
  server.clearLog();
  Deno.removeSync(missing!.path);
  Deno.writeFileSync(damaged!.path, debBytes(5000, 9));
  const { results } = await cache.fetch(requests);
  assert.deepEqual(results.map(({ cause }) => cause), ["missing", "damaged", undefined]);
  Deno.truncateSync(cut!.path, 10);
  assert.equal(await cache.outcome(requests[2]!), `fetched damaged ${cut!.digest}`);
  assert.equal(server.requests().length, 3);
});

Deno.test("fetchPackages shows both digests if a package that it fetches again has changed", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = requestForUrl(server.add(PATH, debBytes(5000)));
  const { results: [before] } = await cache.fetch([request]);
  Deno.removeSync(before!.path);
  for (const size of [5000, 5001, 4999, 2 * 1024 * 1024]) {
    const changed = debBytes(size, 8);
    server.add(PATH, changed);
    const { failures: [failure] } = await cache.fetch([request]);
    assert.equal(failure?.error.code, "LDR_DIGEST_MISMATCH", `${size}`);
    assert.match(failure.error.hint, /--replace/);
    assert.ok(failure.error.message.includes(before!.digest));
    assert.ok(failure.error.message.includes(digestOfBytes(changed)));
    assert.deepEqual(filesBelow(join(cache.layout.root, "partial")), []);
    assert.deepEqual(filesBelow(join(cache.layout.root, "data")), []);
  }
  server.add(PATH, debBytes(5000));
  assert.equal(await cache.outcome(request), `fetched missing ${before!.digest}`);
  cache.assertSound();
});

Deno.test("fetchPackages takes content that another package has without a request", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  await cache.fetch([requestForUrl(server.add("/one/a_1_all.deb", HELLO))]);
  const mirror = requestForUrl(server.add("/two/a_1_all.deb", HELLO), { digest: SHA });
  assert.equal(await cache.outcome(mirror), `cached new ${SHA}`);
  assert.equal(server.requests("/two/").length, 0);
});

Deno.test("fetchPackages names what fails, keeps what came, and asks once for each", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const good = [1, 2].map((seed) =>
    requestForUrl(server.add(`/p${seed}_1_all.deb`, debBytes(5000, seed)))
  );
  const gone = requestForUrl(`http://${server.host}/gone_1_all.deb`);
  const page = requestForUrl(server.add("/page_1_all.deb", new TextEncoder().encode("<html>")));
  const { results, failures } = await cache.fetch([good[0]!, gone, page, good[1]!, good[0]!]);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["fetched", "fetched", "cached"]);
  assert.deepEqual(failures.map(({ error }) => error.code), ["LDR_NOT_FOUND", "LDR_BAD_RESPONSE"]);
  for (const { error, request } of failures) assert.ok(error.message.includes(request.fileName));
  assert.equal(server.requests().length, 4);
  cache.assertSound();
});

Deno.test("fetchPackages does not replace what another process recorded meanwhile", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const [one, other] = [HELLO, OTHER].map((bytes, i) =>
    requestForUrl(server.add(`/mirror${i}/hello_2.10-3_amd64.deb`, bytes), { source: "debian" })
  ) as [PackageRequest, PackageRequest];
  const gate = new Gate();
  server.fail("/mirror1/", held(gate), 1);
  const late = cache.outcome(other);
  await gate.reachedBy(late);
  assert.equal(await cache.outcome(one), `fetched new ${SHA}`);
  gate.open();
  assert.equal(await late, "LDR_DIGEST_MISMATCH");
  assert.equal(await cache.outcome(other), `cached hit ${SHA}`);
});

Deno.test("fetchPackages offline says what is missing", async () => {
  using cache = new TestCache();
  const request = requestForUrl("http://mirror.invalid/hello_2.10-3_amd64.deb");
  assert.equal(await cache.outcome(request, { offline: true }), "LDR_NOT_CACHED");
});

Deno.test("fetchPackages continues a broken download of the same version", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = requestForUrl(server.add(PATH, HELLO));
  server.fail(PATH, resetAfter(1024 * 1024), 2);
  assert.equal(await cache.outcome(request), `fetched new ${SHA}`);
  const ranges = server.requests().map(({ headers }) => headers.get("range") !== null);
  assert.deepEqual(ranges, [false, true, true]);
  cache.assertSound();
});

Deno.test("fetchPackages refuses what a server has compressed unasked", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  server.fail(/./, withHeader("Content-Encoding", "gzip"));
  const script = requestForUrl(server.add("/install.sh", gzipSync("echo")));
  assert.equal(await cache.outcome(script), "LDR_BAD_RESPONSE");
  const archive = requestForUrl(server.add("/sources.gz", gzipSync("sources")));
  assert.match(await cache.outcome(archive), /^fetched/);
  cache.assertSound();
});

Deno.test("fetchPackages never joins two versions of a file", async (t) => {
  const cases = {
    "the server sends the new version as a whole": () => {},
    "the server ignores If-Range": (server: FileServer) => {
      server.guard = ({ headers }) => void headers.delete("if-range");
    },
    "the server states no version with the range": (server: FileServer) => {
      server.guard = ({ headers }) => void headers.delete("if-range");
      server.fail(/./, withHeader("Content-Range", `bytes 7-9/${HELLO.length}`), 1);
    },
    "the server refuses the range": (server: FileServer) => server.fail(/./, status(416), 1),
  };
  for (const [name, change] of Object.entries(cases)) {
    await t.step(name, async () => {
      await using server = await FileServer.start();
      using cache = new TestCache();
      const request = requestForUrl(server.add(PATH, HELLO));
      server.fail(PATH, resetAfter(1024 * 1024), 1);
      server.fail(PATH, status(404), 2);
      assert.equal(await cache.outcome(request), "LDR_NOT_FOUND");
      server.add(PATH, OTHER);
      change(server);
      assert.equal(await cache.outcome(request), `fetched new ${OTHER_SHA}`);
      cache.assertSound();
    });
  }
});

Deno.test("fetchPackages starts over if the server states no version", async (t) => {
  const cases = {
    "no validator": withoutHeader("ETag"),
    "a weak one": withHeader("ETag", 'W/"1"'),
  };
  for (const [name, fault] of Object.entries(cases)) {
    await t.step(name, async () => {
      await using server = await FileServer.start();
      using cache = new TestCache();
      const request = requestForUrl(server.add(PATH, HELLO));
      server.fail(
        PATH,
        async (answer, request) =>
          await resetAfter(1024 * 1024)(await fault(answer, request), request),
        1,
      );
      server.fail(PATH, fault);
      assert.equal(await cache.outcome(request), `fetched new ${SHA}`);
      assert.deepEqual(server.requests().map(({ headers }) => headers.get("range")), [null, null]);
      cache.assertSound();
    });
  }
});

Deno.test("fetchPackages fails on what a server does wrong to the end, and keeps nothing wrong", async (t) => {
  const cases = {
    LDR_SERVER_ERROR: status(503),
    LDR_FORBIDDEN: status(403),
    LDR_UNAUTHORIZED: status(401),
    LDR_RATE_LIMITED: status(429),
    LDR_UNREACHABLE: resetAfter(100),
    LDR_REDIRECT: redirectLoop,
    LDR_BAD_RESPONSE: body("<html>log in</html>"),
  };
  for (const [code, fault] of Object.entries(cases)) {
    await t.step(code, async () => {
      await using server = await FileServer.start();
      using cache = new TestCache();
      const request = requestForUrl(server.add(PATH, debBytes(5000)));
      server.fail(PATH, fault);
      const { failures: [failure] } = await cache.fetch([request]);
      assert.equal(failure?.error.code, code);
      assert.doesNotMatch(failure.error.hint, /registry|larder login|tag/);
      cache.assertSound();
      server.heal();
      assert.match(await cache.outcome(request), /^fetched new/);
    });
  }
});

Deno.test("fetchPackages stops an endless body at the size that a request states", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = { ...requestForUrl(server.add(PATH, debBytes(5000))), digest: SHA, size: 5000 };
  server.fail(PATH, endlessBody);
  assert.equal(await cache.outcome(request), "LDR_SIZE_MISMATCH");
  server.heal();
  server.fail(PATH, shortChunks(100));
  assert.equal(await cache.outcome(request), "LDR_SIZE_MISMATCH");
  cache.assertSound();
});

Deno.test("fetchPackages tries the URLs of a request in turn", async () => {
  await using server = await FileServer.start();
  for (const digest of [undefined, SHA]) {
    using cache = new TestCache();
    const request = requestForUrl(server.add(PATH, HELLO), { digest });
    const urls = [`http://${server.host}/gone_1_all.deb`, ...request.urls];
    assert.equal(await cache.outcome({ ...request, urls }), `fetched new ${SHA}`);
  }
});

Deno.test("fetchPackages sends the credentials of a URL, and stores none", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const url = server.add(PATH, HELLO).replace("//", "//me:hunter22@");
  server.guard = ({ headers }) =>
    headers.get("authorization") === `Basic ${btoa("me:hunter22")}`
      ? undefined
      : { status: 401, headers: {}, body: new Uint8Array() };
  assert.equal(await cache.outcome(requestForUrl(url)), `fetched new ${SHA}`);
  const other = requestForUrl(url, { name: "other", digest: SHA });
  await cache.fetch([{ ...other, digest: OTHER_SHA }]);
  for (
    const { request, error } of (await cache.fetch([{ ...other, digest: OTHER_SHA }])).failures
  ) {
    assert.doesNotMatch(error.message, /hunter22/, request.fileName);
  }
  for (const path of filesOf(cache.path)) {
    if (!path.includes("data")) assert.doesNotMatch(Deno.readTextFileSync(path), /hunter22/);
  }
});

Deno.test("fetchPackages records uses and fetches in the journal", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const request = requestForUrl(server.add(PATH, HELLO));
  await cache.fetch([request]);
  await cache.fetch([request]);
  const events = new Journal(cache.layout).read().map(({ at: _, ...event }) => event);
  const name = `${server.host}/debian/hello/2.10-3/amd64`;
  const { length } = HELLO;
  assert.deepEqual(events, [
    { kind: "use", name, digest: SHA, cause: "new", fetched: length, saved: 0 },
    { kind: "use", name, digest: SHA, fetched: 0, saved: length },
  ]);
});

Deno.test("fetchPackages lets the work in flight be interrupted", async () => {
  await using server = await FileServer.start();
  using cache = new TestCache();
  const controller = new AbortController();
  server.fail(PATH, (answer) => {
    controller.abort();
    return answer;
  });
  const request = requestForUrl(server.add(PATH, HELLO));
  const failure = await failureOf(cache.fetch([request], { signal: controller.signal }));
  assert.equal(failure.code, "LDR_INTERRUPTED");
});

function filesOf(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesOf(join(folder, name)) : [join(folder, name)]
  );
}
