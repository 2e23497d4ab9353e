import assert from "node:assert/strict";
import { Listener, type ListenerTls } from "../../src/base/listener.ts";
import { Gate } from "../support/gate.ts";
import { TestCa } from "../support/registry/certificates.ts";

async function pairOf(ca: TestCa): Promise<ListenerTls> {
  const { certificate, key } = await ca.issue();
  return { cert: Deno.readTextFileSync(certificate), key: Deno.readTextFileSync(key) };
}

Deno.test("Listener.renew has another certificate, ends responses under way, and refuses a pair that it cannot use", async () => {
  using former = await TestCa.create();
  using later = await TestCa.create();
  const gate = new Gate();
  const listener = new Listener({
    address: { hostname: "127.0.0.1", port: 0 },
    tls: await pairOf(former),
    onInterruption: assert.fail,
  }, () => {
    const body = new ReadableStream({
      async pull(controller) {
        await gate.pass();
        controller.enqueue(new Uint8Array(3));
        controller.close();
      },
    });
    return new Response(body);
  });
  const { port } = listener.address;
  const get = async (ca: TestCa) => {
    using client = Deno.createHttpClient({ caCerts: [ca.pem] });
    return await (await fetch(`https://127.0.0.1:${port}`, { client })).bytes();
  };
  const underWay = get(former);
  await gate.reachedBy(underWay);
  await assert.rejects(listener.renew({ cert: "", key: "" }));
  await listener.renew(await pairOf(later));
  gate.open();
  assert.deepEqual([(await underWay).length, (await get(later)).length], [3, 3]);
  await assert.rejects(get(former), TypeError);
  assert.equal(listener.address.port, port);
  await listener.stop();
  await assert.rejects(get(later), TypeError);
});
