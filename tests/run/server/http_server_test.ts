import assert from "node:assert/strict";
import { LarderError } from "../../../src/base/errors.ts";
import {
  HttpServer,
  type ServedRequest,
  type ServerOptions,
} from "../../../src/run/server/http_server.ts";
import type { GuestPool } from "../../../src/run/server/worker_pool.ts";

const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

/** Returns a server whose requests are passed to a function. */
function serverOf(handle: GuestPool["handle"], options: ServerOptions = {}): HttpServer {
  const server = new HttpServer(ANYWHERE, options);
  server.open({ kind: "component", pool: { handle } as GuestPool });
  return server;
}

Deno.test("HttpServer answers 500 if a request fails outside of guests, and reports why", async () => {
  const served: ServedRequest[] = [];
  const failures: string[] = [];
  const broken = new LarderError("LDR_GUEST", "cannot load the component", { hint: "" });
  const server = serverOf(() => Promise.reject(broken), {
    onRequest: (it) => served.push(it),
    onFailure: (message) => failures.push(message),
  });
  const response = await fetch(`${server.url}/path`);
  assert.deepEqual([response.status, await response.text()], [500, "500 Internal Server Error\n"]);
  assert.deepEqual(served.map(({ path, status }) => [path, status]), [["/path", 500]]);
  assert.deepEqual(failures, ["cannot load the component"]);
  await server.stop();
});
