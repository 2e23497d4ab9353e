/** The bytes of HTTP messages between a client's socket and a guest. */
import assert from "node:assert/strict";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { guestBytes } from "../support/wasm/components.ts";

/** Sends the lines of a request, and returns those of the response. */
async function exchange(url: string, lines: readonly string[]): Promise<string[]> {
  const { hostname, port } = new URL(url);
  const client = await Deno.connect({ hostname, port: Number(port) });
  const text = [...lines, "Connection: close", "", ""].join("\r\n");
  await client.write(new TextEncoder().encode(text));
  return (await new Response(client.readable).text()).split("\r\n");
}

Deno.test("run passes repeated headers to a guest and back, in order, and follows RFC 9112", async (t) => {
  using user = new TestUser();
  user.write("headers.wasm", await guestBytes("http_headers"));
  await using serving = await Serving.start(user, ["-v", "headers.wasm"]);

  await t.step("headers", async () => {
    const given = ["set-cookie: a=1; Path=/", "x-a: 1", "x-a: 2, 3", "x-a: ", "set-cookie: b=2"];
    const lines = await exchange(serving.url, ["GET / HTTP/1.1", "Host: a.test", ...given]);
    const of = (all: readonly string[], name: string) =>
      all.filter((line) => line.startsWith(`${name}:`)).map((line) => line.trim());
    for (const name of ["set-cookie", "x-a"]) {
      assert.deepEqual(of(lines, name), of(given, name));
    }
    assert.deepEqual(of(lines, "host"), []);
  });

  for (
    const [target, status, logged] of [
      ["GET http://other.test/a?b", 200, "GET /a"],
      ["OPTIONS *", 200, "OPTIONS /*"],
      ["GET ftp://other.test/", 400, "GET ftp://other.test/"],
    ] as const
  ) {
    await t.step(target, async () => {
      const lines = await exchange(serving.url, [`${target} HTTP/1.1`, "Host: a.test"]);
      assert.ok(lines[0]!.startsWith(`HTTP/1.1 ${status} `), lines[0]);
      await serving.said(`${logged} ${status} `);
    });
  }
});
