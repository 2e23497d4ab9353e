import assert from "node:assert/strict";
import fc from "fast-check";
import { FetchTransport } from "../../../../src/registry/http/clients/fetch_transport.ts";
import { PromptClient } from "../../../../src/registry/http/clients/prompt_client.ts";
import type { HttpRequest } from "../../../../src/registry/http/transport.ts";
import { TestCa } from "../../../support/registry/certificates.ts";

/** The answer to a request: its pieces are written one by one. undefined closes the connection. */
type Script = (request: string, connection: number) => readonly string[] | undefined;

/** A server that speaks TLS and answers every request with exactly the bytes of the script. */
class ScriptedTlsServer implements AsyncDisposable {
  /** The head of each request, after the number of its connection. */
  readonly requests: string[] = [];
  readonly #ca: TestCa;
  readonly #listener: Deno.TlsListener;
  readonly #sockets = new Set<Deno.TlsConn>();
  readonly #ended: Promise<void>;
  script: Script;
  /** Number of connections so far. */
  connections = 0;

  private constructor(ca: TestCa, listener: Deno.TlsListener, script: Script) {
    this.#ca = ca;
    this.#listener = listener;
    this.script = script;
    this.#ended = this.#accept();
  }

  static async start(script: Script): Promise<ScriptedTlsServer> {
    const ca = await TestCa.create();
    const { certificate, key } = await ca.issue();
    const listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(certificate),
      key: Deno.readTextFileSync(key),
    });
    return new ScriptedTlsServer(ca, listener, script);
  }

  /** The certificate that signs the server's own, PEM. */
  get ca(): string {
    return this.#ca.pem;
  }

  url(path: string): URL {
    return new URL(`https://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const socket of this.#sockets) socket.close();
    await this.#ended;
    this.#ca[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    const served: Promise<void>[] = [];
    try {
      for await (const socket of this.#listener) {
        this.#sockets.add(socket);
        served.push(this.#serve(socket, ++this.connections).catch(() => {}));
      }
    } catch {
      // A handshake that the client broke off ends the iteration, but not the test.
    }
    await Promise.all(served);
  }

  async #serve(socket: Deno.TlsConn, connection: number): Promise<void> {
    const buffer = new Uint8Array(4096);
    try {
      for (let count; (count = await socket.read(buffer)) !== null;) {
        const request = new TextDecoder().decode(buffer.subarray(0, count));
        this.requests.push(`${connection} ${request.split("\r\n\r\n")[0]!}`);
        const pieces = this.script(request, connection);
        if (!pieces) return;
        for (const piece of pieces) {
          await socket.write(Uint8Array.from(piece, (char) => char.charCodeAt(0)));
        }
      }
    } finally {
      if (this.#sockets.delete(socket)) socket.close();
    }
  }
}

const OK = "HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:1\r\nContent-Length: 1037\r\n\r\n";
const GOT = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

const head = (url: URL): HttpRequest => ({ method: "HEAD", url, headers: {}, isSmall: true });
const get = (url: URL): HttpRequest => ({ ...head(url), method: "GET" });

Deno.test("PromptClient sends requests over one connection, and the first one only if it is a HEAD", async () => {
  await using server = await ScriptedTlsServer.start((text) => [/^HEAD/.test(text) ? OK : GOT]);
  const url = server.url("/v2/app/manifests/v1?a=b");
  const trust = () => [server.ca];
  using client = new PromptClient();
  const headers = { accept: "a/b", "user-agent": "larder" };
  const response = await client.send({ ...head(url), headers }, trust);
  assert.deepEqual([response?.status, response?.url, response?.body], [200, url.href, null]);
  assert.equal(response?.headers.get("docker-content-digest"), "sha256:1");
  const second = await client.send(get(url), trust);
  assert.equal(await new Response(second?.body).text(), "hello");
  const first = `1 HEAD ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n`;
  assert.deepEqual(server.requests, [
    `${first}accept: a/b\r\nuser-agent: larder`,
    first.replace("HEAD", "GET").trimEnd(),
  ]);
  using other = new PromptClient();
  assert.equal(await other.send(get(url), trust), undefined);
  assert.equal(await other.send(head(url), trust), undefined);
  assert.equal(server.connections, 1);
});

Deno.test("PromptClient leaves a request to the other client while its connection is in use or closed", async () => {
  await using server = await ScriptedTlsServer.start((text) =>
    /last/.test(text) ? [OK.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")] : [OK]
  );
  const trust = () => [server.ca];
  using client = new PromptClient();
  const [first, second] = await Promise.all([
    client.send(head(server.url("/1")), trust),
    client.send(head(server.url("/2")), trust),
  ]);
  assert.deepEqual([first?.status, second], [200, undefined]);
  assert.equal((await client.send(head(server.url("/last")), trust))?.status, 200);
  assert.equal(await client.send(head(server.url("/3")), trust), undefined);
  assert.equal(server.connections, 1);
});

const HEADS: [string, string, number | undefined][] = [
  ["a status without a reason", "HTTP/1.1 401 \r\nWWW-Authenticate: Bearer x\r\n\r\n", 401],
  ["no reason at all", "HTTP/1.1 404\r\n\r\n", 404],
  ["a redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\n\r\n", 307],
  ["a coded body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\n", undefined],
  ["an interim response", "HTTP/1.1 100 Continue\r\n\r\n" + OK, undefined],
  ["a body", OK + "{}", undefined],
  ["a folded header", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", undefined],
  ["a space before the colon", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", undefined],
  ["a control character", "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", undefined],
  ["bare line feeds", "HTTP/1.1 200 OK\nA: b\n\n", undefined],
  ["too many headers", "HTTP/1.1 200 OK\r\n" + "A: b\r\n".repeat(7000), undefined],
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", undefined],
];

const BODIES: [string, string, string | undefined][] = [
  ["a body of the announced length", GOT, "hello"],
  ["no length", "HTTP/1.1 200 OK\r\n\r\nhello", undefined],
  ["a coded body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", undefined],
  [
    "two lengths",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    undefined,
  ],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", undefined],
  ["too long a body", "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nhello", undefined],
  ["a longer body", GOT + "!", undefined],
];

Deno.test("PromptClient understands plain responses, and leaves all others to the other client", async (t) => {
  let answer = "";
  await using server = await ScriptedTlsServer.start((text) =>
    // A body that ends early is followed by the end of the connection.
    /\/first /.test(text) ? [OK] : answer === "" ? undefined : [answer]
  );
  const trust = () => [server.ca];
  for (const [name, text, status] of HEADS) {
    await t.step(`HEAD: ${name}`, async () => {
      answer = text;
      using client = new PromptClient();
      const response = await client.send(head(server.url("/")), trust);
      assert.equal(response?.status, status);
    });
  }
  for (const [name, text, body] of BODIES) {
    await t.step(`GET: ${name}`, async () => {
      answer = text;
      using client = new PromptClient();
      await client.send(head(server.url("/first")), trust);
      const response = await client.send(get(server.url("/")), trust);
      assert.equal(response && await new Response(response.body).text(), body);
    });
  }
  await t.step("the end of the connection", async () => {
    answer = "";
    using client = new PromptClient();
    assert.equal(await client.send(head(server.url("/")), trust), undefined);
  });
});

Deno.test("PromptClient reads a response whatever pieces it comes in", async () => {
  let pieces: string[] = [];
  await using server = await ScriptedTlsServer.start((text) => /^HEAD/.test(text) ? [OK] : pieces);
  const trust = () => [server.ca];
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(GOT.length), { maxLength: 6 }), async (cuts) => {
      const ends = [...cuts.toSorted((a, b) => a - b), GOT.length];
      pieces = ends.map((end, i) => GOT.slice(ends[i - 1] ?? 0, end)).filter((piece) => piece);
      using client = new PromptClient();
      await client.send(head(server.url("/")), trust);
      const response = await client.send(get(server.url("/")), trust);
      assert.equal(await new Response(response?.body).text(), "hello");
    }),
    { numRuns: 20 },
  );
});

Deno.test("PromptClient sends nothing to a server that it does not trust, or that is not there", async () => {
  const server = await ScriptedTlsServer.start(() => [OK]);
  const url = server.url("/");
  using client = new PromptClient();
  assert.equal(await client.send(head(url), () => []), undefined);
  await server[Symbol.asyncDispose]();
  assert.deepEqual(server.requests, []);
  using other = new PromptClient();
  assert.equal(await other.send(head(url), () => []), undefined);
});

Deno.test("PromptClient ends its request when the signal is aborted", async () => {
  const stop = new AbortController();
  await using server = await ScriptedTlsServer.start(() => {
    stop.abort();
    return [];
  });
  using client = new PromptClient();
  const request = { ...head(server.url("/")), signal: stop.signal };
  assert.equal(await client.send(request, () => [server.ca]), undefined);
});

Deno.test("FetchTransport repeats a small request whose response is unusual, and sends others itself", async () => {
  await using server = await ScriptedTlsServer.start((_, connection) =>
    connection === 1 ? ["HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"] : [OK]
  );
  using transport = new FetchTransport({ isPrompt: true, caCerts: () => [server.ca] });
  const response = await transport.send(head(server.url("/")));
  assert.equal(response.headers.get("docker-content-digest"), "sha256:1");
  assert.equal(server.connections, 2);
  assert.ok(server.requests.every((text) => /\r\naccept-encoding: identity/i.test(text)));
});

Deno.test("FetchTransport sends a small request once if its response is as usual", async () => {
  await using server = await ScriptedTlsServer.start(() => [OK]);
  using transport = new FetchTransport({ isPrompt: true, caCerts: () => [server.ca] });
  await transport.send(head(server.url("/")));
  assert.equal(server.requests.length, 1);
  assert.equal(server.requests[0]!.includes("accept-language"), false);
});
