import assert from "node:assert/strict";
import { runCommand } from "../../../src/run/engine/command/command.ts";
import { parseHostRule } from "../../../src/run/grants/outbound_rule.ts";
import { RESPONSE_TIMEOUT } from "../../../src/run/server/exchanges.ts";
import { GuestThread } from "../../../src/run/server/guest_thread.ts";
import type { HostSettings } from "../../../src/run/wasi/host.ts";
import { failureOf } from "../../support/failure_of.ts";
import { until } from "../../support/until.ts";
import { compileComponent } from "../../support/wasm/components.ts";
import { NOTHING } from "../../support/wasm/guest_host.ts";
import { headOf } from "../../support/wasm/guest_pools.ts";
import { jsComponent } from "../../support/wasm/js_component.ts";
import { TcpServer } from "../../support/wasm/loopback.ts";

const LOOPBACK = "127.0.0.1";

const granted: HostSettings = { ...NOTHING, allowedHosts: [parseHostRule(LOOPBACK)] };

/** Reads to the end of each connection, and so notices when the client closes it. */
function listener(): TcpServer {
  return new TcpServer(async (conn) => {
    while (await conn.read(new Uint8Array(100)) !== null);
  });
}

Deno.test("an interrupted command leaves no connection open", async () => {
  await using server = listener();
  const args = ["guest", "wait", LOOPBACK, String(server.port)];
  const compiled = await compileComponent(await jsComponent("command"));
  const stop = new AbortController();
  const running = runCommand("it", { ...compiled, settings: { ...granted, args } }, {
    onDenial: assert.fail,
    signal: stop.signal,
  });
  await until(() => server.open === 1, running);
  stop.abort();
  assert.equal((await failureOf(running)).code, "LDR_INTERRUPTED");
  await until(() => server.open === 0);
});

Deno.test("a stopped guest thread leaves no connection open", async () => {
  await using server = listener();
  const compiled = compileComponent(await jsComponent("http_handler"));
  const guest = await GuestThread.start({ compiled, settings: granted }, {
    onFailure() {},
    onDenial: assert.fail,
  });
  const answered = [1, 2].map(() =>
    assert.rejects(guest.handle({
      head: headOf(`/say?ip=${LOOPBACK}&port=${server.port}&text=hello`),
      body: null,
      isGone: () => false,
      deadline: performance.now() + RESPONSE_TIMEOUT,
    }))
  );
  await until(() => server.open === 2);
  guest.stop();
  await Promise.all(answered);
  await until(() => server.open === 0);
});
