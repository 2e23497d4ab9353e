import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { randomBytes } from "../support/cache/artifacts.ts";
import { openPage } from "../support/cli/browser.ts";
import { run } from "../support/cli/commands.ts";
import { preparedUser } from "../support/cli/prepared_user.ts";
import { Serving } from "../support/cli/serving.ts";
import { Gate } from "../support/gate.ts";
import { TestCa } from "../support/registry/certificates.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { binaryOf, guestBytes, printingHandler } from "../support/wasm/components.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

const MIB = 1024 * 1024;

/** A user with the HTTP components of `guests/`, of which that in JavaScript has been compiled before. */
const userWithHandlers = preparedUser(async (user) => {
  user.write("handler.wasm", await jsComponent("http_handler"));
  user.write("cases.wasm", await guestBytes("http_cases"));
  await using _ = await Serving.start(user, ["handler.wasm"]);
});

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

Deno.test("run serves an HTTP component written in JavaScript", async (t) => {
  using user = await userWithHandlers();
  await using serving = await Serving.start(user, ["--env", "VERSION=v1", "handler.wasm"]);

  await t.step("to curl", async () => {
    const answer = await run("curl", ["-sS", "-i", `${serving.url}/hello`]);
    assert.match(
      answer,
      /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\ncontent-length: 14\r\n/,
    );
    assert.ok(answer.endsWith("\r\n\r\nhello from v1\n"), answer);
  });

  await t.step("to a browser", async () => {
    const page = await openPage(`${serving.url}/page`);
    assert.match(page, /<h1 class=".+">hello from v1\s*<\/h1>/);
  });

  await t.step("with any method and status", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const response = await serving.fetch("/echo", { method, body: `of ${method}` });
      assert.equal(response.headers.get("x-method"), method);
      assert.equal(await response.text(), `of ${method}`);
    }
    assert.deepEqual(await serving.get("/nowhere"), [404, "no such path\n"]);
    const head = await serving.fetch("/hello", { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
  });

  await t.step("with the request's own headers and URL", async () => {
    const [, headers] = await serving.get("/headers", { headers: { "X-Given": "as it is" } });
    assert.match(headers, /^x-given: as it is$/m);
    assert.deepEqual(await serving.get("/url?a=b%20c"), [200, `${serving.url}/url?a=b%20c\n`]);
  });

  await t.step("and a failure affects only its own request", async () => {
    assert.equal((await serving.get("/throw"))[0], 500);
    assert.deepEqual(await serving.get("/hello"), [200, "hello from v1\n"]);
  });

  const { code, stdout } = await serving.stop();
  assert.deepEqual([code, stdout], [0, ""]);
});

Deno.test("run streams bodies in both directions", async (t) => {
  using user = await userWithHandlers();
  await using serving = await Serving.start(user, ["handler.wasm"]);

  await t.step("8 MiB are echoed unchanged", async () => {
    const bytes = randomBytes(8 * MIB);
    const response = await serving.fetch("/echo", { method: "POST", body: bytes as BodyInit });
    assert.equal(sha256(await response.bytes()), sha256(bytes));
  });

  await t.step("32 MiB are sent by the guest", async () => {
    const response = await serving.fetch(`/zeros?bytes=${32 * MIB}`);
    assert.equal((await response.bytes()).length, 32 * MIB);
  });

  await t.step("the start of a response arrives before the guest has written the end", async () => {
    const response = await serving.fetch("/chunks?count=1000000&ms=10");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("chunk 2\n")) {
      const { value, done } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
    assert.ok(text.startsWith("chunk 0\nchunk 1\n"), text);
    await reader.cancel();
  });

  await t.step("the start of a request arrives before the client has sent the end", async () => {
    const answered = new Gate();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("first"));
        await answered.pass();
        controller.enqueue(new TextEncoder().encode(" second"));
        controller.close();
      },
    });
    const response = await serving.fetch("/echo", { method: "POST", body });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader.read()).value, "first");
    answered.open();
    assert.equal((await reader.read()).value, " second");
    assert.ok((await reader.read()).done);
  });

  await t.step("a client that disconnects does not affect others", async () => {
    for (let i = 0; i < 40; i++) {
      const leaving = new AbortController();
      const response = await serving.fetch("/chunks?count=1000000&ms=1", {
        signal: leaving.signal,
      });
      leaving.abort();
      await assert.rejects(response.text());
    }
    assert.deepEqual(await serving.get("/hello"), [200, "hello from JavaScript\n"]);
  });
});

Deno.test("run handles 20 requests concurrently", async () => {
  using user = await userWithHandlers();
  const count = 20;
  const all = new Gate();
  let waiting = 0;
  await using server = await HttpServer.start(async () => {
    if (++waiting === count) all.open();
    await all.pass();
    return textAnswer(200, "together");
  });
  const args = [`--allow-net=${server.host}`, "handler.wasm"];
  await using serving = await Serving.start(user, args);
  const url = encodeURIComponent(`http://${server.host}/`);
  const requests = Array.from({ length: count }, () => serving.get(`/fetch?url=${url}`));
  assert.deepEqual(await Promise.all(requests), Array(count).fill([200, "200 together"]));
  const sleeping = Array.from({ length: count }, () => serving.get("/sleep?ms=300"));
  assert.deepEqual(await Promise.all(sleeping), Array(count).fill([200, "slept\n"]));
});

Deno.test("run keeps serving after a guest traps", async (t) => {
  using user = await userWithHandlers();
  await using serving = await Serving.start(user, ["cases.wasm"]);
  for (const path of ["/trap", "/refuse", "/nothing"]) {
    await t.step(`${path}: 500`, async () => {
      assert.deepEqual(await serving.get(path), [500, "500 Internal Server Error\n"]);
      assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
    });
  }
  for (const path of ["/late", "/forget"]) {
    await t.step(`${path}: 500 or cut off`, async () => {
      const status = await serving.get(path).then(([status]) => status, () => "cut off");
      assert.ok(status === "cut off" || status === 500, `${status}`);
      assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
    });
  }
  await t.step("many at once", async () => {
    const paths = Array.from({ length: 60 }, (_, i) => ["/trap", "/hello", "/wait"][i % 3]!);
    const statuses = await Promise.all(paths.map(async (path) => (await serving.get(path))[0]));
    assert.deepEqual(statuses, paths.map((path) => path === "/trap" ? 500 : 200));
  });
  const { code, stderr } = await serving.stop();
  assert.equal(code, 0);
  assert.match(stderr, /^warning: cases\.wasm: unreachable\n {3}0: function \d+\n/m);
  assert.match(stderr, /^ {3}0: case-late\n {3}1: function \d+$/m);
});

Deno.test("run answers 504 for a guest that computes without end and serves others meanwhile", async () => {
  using user = await userWithHandlers();
  await using serving = await Serving.start(user, ["-v", "handler.wasm"]);
  const served: number[] = [];
  let meanwhile = 0;
  let isOver = false;
  const endless = serving.get("/loop").finally(() => isOver = true);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  while (!isOver) {
    served.push((await serving.get("/hello"))[0]);
    if (!isOver) meanwhile++;
    // The guest needs a processor, too.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(await endless, [504, "504 Gateway Timeout\n"]);
  assert.ok(meanwhile > 0, "no request was answered before the 504");
  assert.deepEqual([...new Set(served)], [200]);
  assert.deepEqual(await serving.get("/hello"), [200, "hello from JavaScript\n"]);
  assert.match(serving.stderr, /^warning: handler\.wasm: the guest did not answer in time$/m);
  assert.match(serving.stderr, /^GET \/loop 504 /m);
});

Deno.test("run ends a request with 499 once its client has gone", async () => {
  using user = await userWithHandlers();
  await using serving = await Serving.start(user, ["-v", "cases.wasm"]);
  // The test does not rely on how soon larder notices.
  for (let tries = 0; tries < 20 && !serving.stderr.includes("GET /sleep 499"); tries++) {
    const signal = AbortSignal.timeout(1000);
    await assert.rejects(fetch(`${serving.url}/sleep`, { signal }), { name: "TimeoutError" });
  }
  assert.match(serving.stderr, /^GET \/sleep 499 /m);
  assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
  const { code } = await serving.stop();
  assert.equal(code, 0);
});

Deno.test("run lets an HTTP component reach only the hosts that --allow-net grants", async () => {
  using user = await userWithHandlers();
  await using server = await HttpServer.start(() => textAnswer(200, "from the server"));
  const path = `/fetch?url=${encodeURIComponent(`http://${server.host}/`)}`;
  {
    await using serving = await Serving.start(user, ["handler.wasm"]);
    assert.equal((await serving.get(path))[0], 500);
    await serving.said("--allow-net");
    assert.match(serving.stderr, new RegExp(`refused .*--allow-net=${server.host}$`, "m"));
    assert.deepEqual(server.requests(), []);
  }
  await using serving = await Serving.start(user, [`--allow-net=${server.host}`, "handler.wasm"]);
  assert.deepEqual(await serving.get(path), [200, "200 from the server"]);
});

Deno.test("run applies --ca-file and -k to the requests of guests", async (t) => {
  using user = await userWithHandlers();
  using ca = await TestCa.create();
  await using server = await ca.serve(() => new Response("from the server"));
  const host = `127.0.0.1:${server.addr.port}`;
  const path = `/fetch?url=${encodeURIComponent(`https://${host}/`)}`;
  for (
    const [name, options, expected] of [
      ["neither", [], 500],
      ["--ca-file", ["--ca-file", ca.file], 200],
      ["-k", ["-k"], 200],
    ] as const
  ) {
    await t.step(name, async () => {
      const args = [...options, `--allow-net=${host}`, "handler.wasm"];
      await using serving = await Serving.start(user, args);
      assert.equal((await serving.get(path))[0], expected);
    });
  }
});

Deno.test("run makes a component of a core module with interfaces of WASI 0.2, once", async () => {
  using user = await userWithHandlers();
  user.write("module.wasm", await printingHandler());
  const compiling = "compiling module.wasm (cached for later runs)";
  for (const expected of [true, false]) {
    await using serving = await Serving.start(user, ["module.wasm"]);
    assert.equal(serving.stderr.includes(compiling), expected, serving.stderr);
    assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
    const { code, stdout } = await serving.stop();
    assert.deepEqual([code, stdout], [0, "hello\n"]);
  }
});

Deno.test("run refuses a core module that does not describe the interfaces that it names", async () => {
  using user = await userWithHandlers();
  const module = await binaryOf(`(module
    (import "wasi:http/types@0.2.0" "[constructor]fields" (func (result i32)))
    (func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32)))`);
  user.write("bare.wasm", module);
  const { code, stderr } = await user.larder(["run", "--listen", "127.0.0.1:0", "bare.wasm"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /error: cannot compile .*: it cannot become a component: .*LDR_BAD_WASM/);
});
