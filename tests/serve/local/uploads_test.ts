import assert from "node:assert/strict";
import fc from "fast-check";
import { blob, image, randomBytes, sha512Blob } from "../../support/cache/artifacts.ts";
import { filesBelow } from "../../support/cache/store_check.ts";
import { push } from "../../support/registry/push.ts";
import { STALL_TICK } from "../../../src/serve/local/request_body.ts";
import { EXPIRY, MAX_OPEN } from "../../../src/serve/local/upload_sessions.ts";
import { liveLeases } from "../../../src/store/locks/leases.ts";
import { SteppedClock, TestService } from "../../support/registry/test_service.ts";
import { until } from "../../support/until.ts";

const CONTENT = blob(randomBytes(100_000));
const { digest: DIGEST } = CONTENT.descriptor;

/** Begins an upload and returns its path. */
async function begin(service: TestService, name = "local/app"): Promise<string> {
  const response = await service.request(`${name}/blobs/uploads/`, { method: "POST" });
  assert.deepEqual([response.status, await response.text()], [202, ""]);
  return response.headers.get("location")!.replace("/v2/", "");
}

/** Sends a chunk and returns the status and the range that is there. */
async function patch(
  service: TestService,
  path: string,
  bytes: Uint8Array,
  range?: string,
): Promise<[status: number, range: string | null]> {
  const response = await service.request(path, {
    method: "PATCH",
    body: bytes as BodyInit,
    headers: range === undefined ? {} : { "content-range": range },
  });
  await response.body?.cancel();
  return [response.status, response.headers.get("range")];
}

async function finish(
  service: TestService,
  path: string,
  digest: string,
  body?: Uint8Array,
): Promise<number> {
  const response = await service.request(`${path}?digest=${digest}`, {
    method: "PUT",
    body: body as BodyInit,
  });
  await response.body?.cancel();
  return response.status;
}

async function range(service: TestService, path: string): Promise<string | null> {
  const response = await service.request(path);
  assert.equal(response.status, 204);
  return response.headers.get("range");
}

/** Sends the first 1,000 bytes of a chunk, and returns the connection once they have arrived. */
async function sendStart(service: TestService, path: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(service.url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `PATCH /v2/${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 100000\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  await connection.write(CONTENT.bytes.subarray(0, 1000));
  await until(() => sizesOf(service).includes(1000));
  return connection;
}

function partialsOf(service: TestService): string[] {
  return filesBelow(service.layout.partials);
}

Deno.test("a blob in chunks of any sizes arrives whole, and leaves no partial file", async () => {
  await using service = await TestService.start();
  const property = fc.asyncProperty(
    fc.uint8Array({ maxLength: 500 }),
    fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 5 }),
    fc.boolean(),
    async (bytes, sizes, isSha512) => {
      const content = isSha512 ? sha512Blob(bytes) : blob(bytes);
      const { digest } = content.descriptor;
      const path = await begin(service);
      let offset = 0;
      for (const size of sizes) {
        const chunk = bytes.subarray(offset, offset + size);
        if (chunk.length === 0) break;
        const end = offset + chunk.length - 1;
        assert.deepEqual(await patch(service, path, chunk, `${offset}-${end}`), [202, `0-${end}`]);
        offset += chunk.length;
      }
      assert.equal(await finish(service, path, digest, bytes.subarray(offset)), 201);
      assert.deepEqual(await service.bytes(`local/app/blobs/${digest}`), new Uint8Array(bytes));
      assert.equal(await service.error(path), "404 BLOB_UPLOAD_UNKNOWN");
    },
  );
  await fc.assert(property, { numRuns: 30 });
  assert.deepEqual(partialsOf(service), []);
});

Deno.test("a blob arrives in one POST, under the name that the answer says", async () => {
  await using service = await TestService.start();
  for (const content of [CONTENT, sha512Blob("other"), blob(new Uint8Array())]) {
    const { digest } = content.descriptor;
    const response = await service.request(`local/app/blobs/uploads/?digest=${digest}`, {
      method: "POST",
      body: content.bytes as BodyInit,
    });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("location"), `/v2/local/app/blobs/${digest}`);
    assert.equal(response.headers.get("docker-content-digest"), digest);
    assert.deepEqual(await service.bytes(`local/app/blobs/${digest}`), content.bytes);
  }
});

Deno.test("a chunk elsewhere than at the end is refused with 416, and changes nothing", async () => {
  await using service = await TestService.start();
  const path = await begin(service);
  const half = CONTENT.bytes.subarray(0, 50_000);
  assert.deepEqual(await patch(service, path, half, "0-49999"), [202, "0-49999"]);
  for (const wrong of ["0-49999", "50001-100000", "49999-99998"]) {
    assert.deepEqual(await patch(service, path, half, wrong), [416, "0-49999"], wrong);
  }
  for (const bad of ["50000-50001", "x", "5-1", "-1-2"]) {
    assert.equal((await patch(service, path, half, bad))[0], 400, bad);
  }
  assert.equal(await range(service, path), "0-49999");
  assert.equal(await finish(service, path, DIGEST, CONTENT.bytes.subarray(50_000)), 201);
  assert.deepEqual(await service.bytes(`local/app/blobs/${DIGEST}`), CONTENT.bytes);
});

Deno.test("an upload goes on in the next server, and only in its own repository", async () => {
  await using service = await TestService.start();
  const path = await begin(service);
  await patch(service, path, CONTENT.bytes.subarray(0, 70_000));
  await service.stop();
  await using next = service.another();
  const elsewhere = path.replace("local/app", "local/other");
  assert.equal(await next.error(elsewhere), "404 BLOB_UPLOAD_UNKNOWN");
  assert.equal(await range(next, path), "0-69999");
  assert.equal(await next.error(elsewhere), "404 BLOB_UPLOAD_UNKNOWN");
  const { digest } = sha512Blob(CONTENT.bytes).descriptor;
  assert.equal(await finish(next, path, digest, CONTENT.bytes.subarray(70_000)), 201);
  assert.deepEqual(await next.bytes(`local/app/blobs/${digest}`), CONTENT.bytes);
  assert.deepEqual(partialsOf(next), []);
});

Deno.test("what has arrived of a request that breaks off can be continued", async () => {
  await using service = await TestService.start();
  const path = await begin(service);
  using connection = await sendStart(service, path);
  assert.equal(await range(service, path), "0-999", "while the request is under way");
  connection.close();
  assert.equal(await range(service, path), "0-999");
  assert.equal(await finish(service, path, DIGEST, CONTENT.bytes.subarray(1000)), 201);
});

Deno.test("a request of which nothing more arrives is given up, and can be continued", async () => {
  const clock = new SteppedClock();
  await using service = await TestService.start({ clock });
  const path = await begin(service);
  using connection = await sendStart(service, path);
  await until(() => clock.end(STALL_TICK) === 0);
  const buffer = new Uint8Array(12);
  await connection.read(buffer);
  assert.equal(new TextDecoder().decode(buffer), "HTTP/1.1 408");
  assert.equal(await range(service, path), "0-999");
  assert.equal(await finish(service, path, DIGEST, CONTENT.bytes.subarray(1000)), 201);
});

Deno.test("an upload counts among the requests under way", async () => {
  await using service = await TestService.start({ maxRequests: 1 });
  const path = await begin(service);
  using _connection = await sendStart(service, path);
  assert.equal(await service.error("local/app/tags/list"), "503 UNAVAILABLE");
});

Deno.test("more uploads than are open at a time can all go on", async () => {
  await using service = await TestService.start();
  const paths = await Promise.all(Array.from({ length: MAX_OPEN + 3 }, () => begin(service)));
  for (const path of [paths[0]!, paths[1]!, paths.at(-1)!]) {
    assert.deepEqual(await patch(service, path, CONTENT.bytes.subarray(0, 100)), [202, "0-99"]);
  }
  assert.equal(await finish(service, paths[0]!, DIGEST, CONTENT.bytes.subarray(100)), 201);
  assert.equal(await service.error(paths[0]!), "404 BLOB_UPLOAD_UNKNOWN");
  const elsewhere = paths[2]!.replace("local/app", "local/other");
  assert.equal(await service.error(elsewhere), "404 BLOB_UPLOAD_UNKNOWN");
});

Deno.test("abandoned uploads are discarded after an hour, however many there are", async () => {
  const clock = new SteppedClock();
  await using service = await TestService.start({ clock });
  const count = MAX_OPEN + 5;
  const upload = async () =>
    assert.deepEqual(await patch(service, await begin(service), new Uint8Array(1)), [202, "0-0"]);
  for (let left = count; left > 0; left -= 100) {
    await Promise.all(Array.from({ length: Math.min(left, 100) }, upload));
  }
  assert.equal(sizesOf(service).filter((size) => size === 1).length, count);
  assert.equal(clock.end(EXPIRY), count);
  await until(() => partialsOf(service).length === 0);
});

function sizesOf(service: TestService): number[] {
  return partialsOf(service).map((path) => Deno.statSync(path).size);
}

Deno.test("a blob with another digest is refused, and nothing of it is kept", async () => {
  await using service = await TestService.start();
  const { digest } = blob("other").descriptor;
  const path = await begin(service);
  assert.equal(
    await service.error(`${path}?digest=${digest}`, {
      method: "PUT",
      body: CONTENT.bytes as BodyInit,
    }),
    "400 DIGEST_INVALID",
  );
  assert.equal(await service.error(`local/app/blobs/${digest}`), "404 BLOB_UNKNOWN");
  assert.equal(await service.error(`local/app/blobs/${DIGEST}`), "404 BLOB_UNKNOWN");
  assert.equal(await service.error(path), "404 BLOB_UPLOAD_UNKNOWN");
  assert.deepEqual(filesBelow(service.layout.tree("data")), []);
  for (const bad of ["", "sha256:1", "md5:00"]) {
    const other = await begin(service);
    const asked = service.error(`${other}?digest=${bad}`, { method: "PUT" });
    assert.equal(await asked, "400 DIGEST_INVALID");
  }
});

Deno.test("an upload can be cancelled", async () => {
  await using service = await TestService.start();
  const path = await begin(service);
  await patch(service, path, CONTENT.bytes);
  const response = await service.request(path, { method: "DELETE" });
  assert.deepEqual([response.status, await response.text()], [204, ""]);
  assert.deepEqual(partialsOf(service), []);
  assert.equal(await service.error(path, { method: "PATCH" }), "404 BLOB_UPLOAD_UNKNOWN");
});

Deno.test("a blob is mounted from a repository that has it, and has to be uploaded otherwise", async () => {
  await using service = await TestService.start();
  const base = image(["of the base"]);
  service.registry.add("base", base, "v1");
  const layer = base.blobs[1]!.descriptor.digest;
  await service.bytes("base/manifests/v1");
  await service.bytes(`base/blobs/${layer}`);
  await push(service.url, "local/one", image([CONTENT]), "v1");
  const mount = async (digest: string, from: string) => {
    const path = `local/two/blobs/uploads/?mount=${digest}${from}`;
    const response = await service.request(path, { method: "POST" });
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await mount(DIGEST, "&from=local/three"), 202);
  assert.equal(await mount(layer, ""), 202);
  assert.equal(await mount(layer, "&from=local/one"), 202);
  assert.equal(await mount(layer, "&from=../x"), 202);
  assert.equal(await service.error(`local/two/blobs/${DIGEST}`), "404 BLOB_UNKNOWN");
  assert.equal(await mount(DIGEST, "&from=local/one"), 201);
  assert.equal(await mount(layer, "&from=base"), 201);
  assert.deepEqual(await service.bytes(`local/two/blobs/${DIGEST}`), CONTENT.bytes);
  assert.equal(await mount("sha256:1", "&from=local/one"), 400);
});

Deno.test("collectors keep what a client was told is there", async () => {
  await using first = await TestService.start();
  const app = image([CONTENT]);
  const digests = app.blobs.map(({ descriptor }) => descriptor.digest);
  first.registry.add("base", app, "v1");
  await first.bytes("base/manifests/v1");
  for (const digest of digests) await first.bytes(`base/blobs/${digest}`);
  await first.stop();
  await using service = first.another();
  const leased = () => liveLeases(service.layout).flatMap((lease) => lease.digests).sort();
  for (const [i, digest] of digests.entries()) {
    const path = `local/app/blobs/uploads/?mount=${digest}&from=base`;
    await service.bytes(path, 201, { method: "POST" });
    assert.deepEqual(leased(), digests.slice(0, i + 1).sort());
  }
  await push(service.url, "local/app", app, "v1");
  await service.stop();
  await using next = service.another();
  await next.head(`local/app/blobs/${DIGEST}`);
  await next.head(`local/app/manifests/${app.descriptor.digest}`);
  const unknown = image(["unknown"]).descriptor.digest;
  await next.bytes(`local/app/blobs/${unknown}`, 404, { method: "HEAD" });
  assert.deepEqual(leased(), [DIGEST, app.descriptor.digest].sort());
});

Deno.test("no other name takes pushes, and the refusal says why", async () => {
  await using service = await TestService.start();
  for (const name of ["ghcr.io/acme/app", "acme/app", "localhost:5000/local/app", "localx/app"]) {
    const response = await service.request(`${name}/blobs/uploads/`, { method: "POST" });
    const { errors: [{ code, message }] } = await response.json();
    assert.deepEqual([response.status, code], [405, "UNSUPPORTED"]);
    assert.match(message, /only names that begin with local\/ take pushes/);
    for (const method of ["PUT", "DELETE"]) {
      assert.equal(await service.error(`${name}/manifests/v1`, { method }), "405 UNSUPPORTED");
    }
  }
  const mirrored = "local/app/blobs/uploads/?ns=docker.io";
  assert.equal(await service.error(mirrored, { method: "POST" }), "405 UNSUPPORTED");
  assert.deepEqual(service.registry.requests(), []);
});
