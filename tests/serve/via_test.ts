import assert from "node:assert/strict";
import { Via } from "../../src/serve/via.ts";

const name = () => `1.1 larder-${crypto.randomUUID()}`;

Deno.test("Via names the servers that a request has passed, and knows its own", async () => {
  const [first, second, own] = [name(), name(), name()];
  const via = new Via(() => own);
  const sentAfter = (received: string) =>
    via.after(new Headers({ via: received }), async () => {
      await Promise.resolve();
      return via.header;
    });
  assert.equal(via.header, own);
  assert.equal(
    await sentAfter(`${first}, 1.1 proxy.corp.example, ${second}`),
    `${first}, ${second}, ${own}`,
  );
  assert.equal(await sentAfter("1.1 proxy.corp.example"), own);
  assert.equal(via.isOwn(new Headers({ via: `${first}, ${own}, ${second}` })), true);
  assert.equal(via.isOwn(new Headers({ via: first })), false);
  assert.equal(via.isOwn(new Headers()), false);
});

Deno.test("Via names ten servers of a client at most", async () => {
  const names = Array.from({ length: 1000 }, name);
  const via = new Via();
  const sent = await via.after(
    new Headers({ via: names.join(", ") }),
    () => Promise.resolve(via.header),
  );
  assert.deepEqual(sent.split(", ").slice(0, -1), names.slice(-10));
});
