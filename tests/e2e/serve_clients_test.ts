import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../support/cache/artifacts.ts";
import { assertStoreSound } from "../support/cache/store_check.ts";
import { ServingRegistry } from "../support/cli/serving_registry.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { Gate } from "../support/gate.ts";
import { heldAfter } from "../support/registry/faults.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";

/** More than the system buffers for a connection. */
const LAYER = blob(randomBytes(16_000_000));
const SMALL = blob(randomBytes(1000));
const APP = image([LAYER, SMALL]);
const PATH = `blobs/${LAYER.descriptor.digest}`;

const CLIENTS = 1000;

/** Sends a request whose response is left for the caller to read. */
async function ask(
  { url }: ServingRegistry,
  path: string,
  ...headers: string[]
): Promise<Deno.Conn> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  const head = [`GET /v2/${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");
  await connection.write(new TextEncoder().encode(head));
  return connection;
}

/** Reads a response of a connection that the server closes. */
async function readAll(connection: Deno.Conn): Promise<{ status: string; body: Uint8Array }> {
  const bytes = new Uint8Array(await new Response(connection.readable).arrayBuffer());
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 4096));
  return { status: text.slice(9, 12), body: bytes.subarray(text.indexOf("\r\n\r\n") + 4) };
}

Deno.test("serve answers a thousand clients at once", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  await serving.bytes(`${name}/manifests/v1`);
  const path = `${name}/blobs/${SMALL.descriptor.digest}`;
  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () => ask(serving, path, "Connection: close")),
  );
  for (const { status, body } of await Promise.all(connections.map(readAll))) {
    assert.equal(status, "200");
    assert.deepEqual(body, SMALL.bytes);
  }
  assert.equal(registry.downloads(SMALL).length, 1);
  assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
});

Deno.test("serve is not held up by clients that read a byte and then no more", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using serving = await ServingRegistry.start(user);
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  await serving.bytes(`${name}/manifests/v1`);
  const slow: Deno.Conn[] = [];
  const addSlow = async (...headers: string[]) => {
    const connection = await ask(serving, `${name}/${PATH}`, ...headers);
    await connection.read(new Uint8Array(1));
    slow.push(connection);
  };
  for (let i = 0; i < 5; i++) await addSlow();
  assert.deepEqual(await serving.bytes(`${name}/${PATH}`), LAYER.bytes);
  for (let i = 0; i < 5; i++) await addSlow("Range: bytes=1-15999990");
  assert.deepEqual(await serving.bytes(`${name}/${PATH}`), LAYER.bytes);
  assert.equal(registry.downloads(LAYER).length, 1);
  for (const connection of slow) connection.close();
  assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
});

Deno.test("two processes on one cache fetch a blob once, and both serve it while it arrives", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  await using first = await ServingRegistry.start(user);
  await using second = await ServingRegistry.start(user);
  const name = registry.add("app", APP, "v1").replace(/:v1$/, "");
  for (const serving of [first, second]) await serving.bytes(`${name}/manifests/v1`);
  const gate = new Gate();
  registry.fail("/blobs/", heldAfter(8_000_000, gate));
  const readers = [];
  for (const serving of [first, second]) {
    const { body } = await serving.request(`${name}/${PATH}`);
    const reader = body!.getReader();
    const { value } = await reader.read();
    assert.ok(value!.length > 0, "before all of it is there");
    readers.push({ reader, chunks: [value!] });
  }
  gate.open();
  for (const { reader, chunks } of readers) {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      chunks.push(part.value);
    }
    const bytes = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
    assert.deepEqual(bytes, LAYER.bytes);
  }
  assert.equal(registry.downloads(LAYER).length, 1);
  for (const serving of [first, second]) assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
});
