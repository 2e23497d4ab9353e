import assert from "node:assert/strict";
import { join } from "node:path";
import { Access } from "../../../src/serve/access/access.ts";
import { errorResponse } from "../../../src/serve/errors.ts";
import { run } from "../../support/cli/commands.ts";
import { childEnvironment } from "../../support/cli/environment.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** A server that answers `ok` to authorised requests. */
function serverOf(access: Access): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const refusal = await access.authorize(request);
      return refusal ? errorResponse(refusal) : new Response("ok");
    },
  );
}

function local(tokenFile?: string): Access {
  const clock = new FakeClock();
  return new Access({ hostname: "127.0.0.1", allow: [], tokenFile, clock, warn() {} });
}

/** Sends bytes and returns the status line of the response. */
async function statusLine(port: number, text: string): Promise<string> {
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  try {
    await conn.write(new TextEncoder().encode(text));
    const buffer = new Uint8Array(1000);
    const length = await conn.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, length)).split("\r\n", 1)[0]!;
  } finally {
    conn.close();
  }
}

Deno.test("Access lets skopeo log in with a token as the password, and with nothing else", async () => {
  using folder = new TemporaryFolder();
  const [tokens, authFile] = ["tokens", "auth.json"].map((name) => join(folder.path, name));
  const token = crypto.randomUUID();
  Deno.writeTextFileSync(tokens!, token, { mode: 0o600 });
  await using server = serverOf(local(tokens));
  const login = (password: string) =>
    run("skopeo", [
      ...["login", "--tls-verify=false", "--authfile", authFile!],
      ...["--username", "ci", "--password", password, `localhost:${server.addr.port}`],
    ], { env: childEnvironment() });
  await login(token);
  await assert.rejects(
    login(`${token}x`),
    /unauthorized|authentication required|invalid username/i,
  );
});

const HEADS: readonly (readonly [string, string, string])[] = [
  ["a request", "GET /v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 200 OK"],
  [
    "another Host",
    "GET /v2/ HTTP/1.1\r\nhost: evil.test\r\n\r\n",
    "HTTP/1.1 421 Misdirected Request",
  ],
  ["a malformed Host", "GET /v2/ HTTP/1.1\r\nhost: [\r\n\r\n", "HTTP/1.1 421 Misdirected Request"],
  [
    "an absolute URL of another host",
    "GET http://evil.test/v2/ HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "HTTP/1.1 200 OK",
  ],
  [
    "a path of 70 KiB, by the runtime",
    `GET /${"a".repeat(70 * 1024)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
    "HTTP/1.1 400 Bad Request",
  ],
  [
    "headers of 512 KiB, by the runtime",
    `GET /v2/ HTTP/1.1\r\nhost: localhost\r\nx: ${"a".repeat(512 * 1024)}\r\n\r\n`,
    "HTTP/1.1 400 Bad Request",
  ],
];

for (const [what, head, expected] of HEADS) {
  Deno.test(`Access.authorize and the runtime answer ${expected.slice(9)} to ${what}`, async () => {
    await using server = serverOf(local());
    assert.equal(await statusLine(server.addr.port, head), expected);
  });
}
