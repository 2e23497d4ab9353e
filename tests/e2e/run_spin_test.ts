import assert from "node:assert/strict";
import { type App, packApp } from "../support/cache/spin_apps.ts";
import { assertNoStrayFiles, assertStoreSound } from "../support/cache/store_check.ts";
import { run } from "../support/cli/commands.ts";
import { Serving } from "../support/cli/serving.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { DockerRegistry } from "../support/registry/docker_registry.ts";
import { HttpServer, textAnswer } from "../support/registry/http_server.ts";
import { push } from "../support/registry/push.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes, printingHandler } from "../support/wasm/components.ts";
import { jsComponent } from "../support/wasm/js_component.ts";

/** Returns Spin's headers for a request, as the JavaScript guest received them. */
async function spinHeaders(serving: Serving, path: string): Promise<Record<string, string>> {
  const [status, text] = await serving.get(path, { headers: { "spin-path-match-id": "forged" } });
  assert.equal(status, 200, text);
  const lines = text.split("\n").filter((line) => line.startsWith("spin-"));
  return Object.fromEntries(lines.map((line) => line.split(": ")));
}

Deno.test("run serves a Spin app of several components", async (t) => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  const handler = await jsComponent("http_handler");
  const app: App = {
    components: {
      pages: {
        wasm: handler,
        files: { "style.css": "h1 { color: red }", "deep/er/file.txt": "of a layer" },
        archived: { "archived.txt": "of an archive", "deep/archived.txt": "of it too" },
        inlined: { "inlined.txt": "of the locked app" },
        environment: { VERSION: "the app" },
      },
      cases: { wasm: await guestBytes("http_cases") },
      variables: {
        wasm: await guestBytes("variable"),
        variables: { greeting: "{{ greeting }}, {{ name }}", fixed: "no template" },
      },
    },
    routes: {
      "/...": "pages",
      "/hello/cases": "cases",
      "/headers/:id": "pages",
      "/headers/:id/more/...": "pages",
      "/variables/...": "variables",
      "/greeting": "variables",
      "/fixed": "variables",
      "/name": "variables",
    },
    variables: { greeting: { default: "good day" }, name: { required: true } },
  };
  await push(registry.url, "team/app", await packApp(app), "v1");
  const reference = `${registry.host}/team/app:v1`;
  await using serving = await Serving.start(user, ["--variable", "name=Alice", reference]);

  await t.step("it prints the address of each route", async () => {
    await serving.said(`${serving.url}/name → variables\n`);
    const lines = serving.stderr.split("\n").filter((line) => line.includes("→"));
    const expected = Object.entries(app.routes!)
      .map(([route, component]) => `  ${serving.url}${route} → ${component}`);
    assert.deepEqual(lines, expected);
    assert.match(serving.stderr, new RegExp(`^Serving ${reference} at ${serving.url}$`, "m"));
  });

  await t.step("the longest matching route answers", async () => {
    assert.deepEqual(await serving.get("/hello"), [200, "hello from the app\n"]);
    assert.deepEqual(await serving.get("/hello/cases"), [200, "hello\n"]);
    assert.deepEqual(await serving.get("/hello/cases/below"), [200, "hello from the app\n"]);
    assert.deepEqual(await serving.get("/nothing/there"), [404, "no such path\n"]);
  });

  await t.step("a path is matched as it was sent", async () => {
    for (const dots of ["..", "%2e%2e"]) {
      const url = `${serving.url}/nothing/${dots}/hello/cases`;
      assert.equal(await run("curl", ["-sS", "--path-as-is", url]), "hello from the app\n");
    }
  });

  await t.step("a component receives its route in headers", async () => {
    const one = await spinHeaders(serving, "/headers/4%202?x=y");
    assert.equal(one["spin-path-match-id"], "4%202");
    assert.equal(one["spin-component-route"], "/headers/:id");
    assert.equal(one["spin-full-url"], `${serving.url}/headers/4%202?x=y`);
    const other = await spinHeaders(serving, "/headers/7/more/of/it");
    assert.equal(other["spin-path-match-id"], "7");
    assert.equal(other["spin-path-info"], "/of/it");
    const wildcard = await spinHeaders(serving, "/headers");
    assert.equal(wildcard["spin-path-info"], "/headers");
    assert.equal(wildcard["spin-path-match-id"], undefined);
  });

  await t.step("a component can read its static files and no others", async () => {
    const files = { ...app.components.pages!.files, ...app.components.pages!.archived };
    for (const [path, text] of Object.entries({ ...files, "inlined.txt": "of the locked app" })) {
      assert.deepEqual(await serving.get(`/file/${path}`), [200, text]);
    }
    for (const path of ["missing.txt", "deep", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd"]) {
      assert.equal((await serving.get(`/file/${path}`))[0], 500);
    }
  });

  await t.step("variables have their defaults unless --variable sets them", async () => {
    assert.deepEqual(await serving.get("/greeting"), [200, "good day, Alice"]);
    assert.deepEqual(await serving.get("/fixed"), [200, "no template"]);
    const [, text] = await serving.get("/name");
    assert.match(text, /"name"/, "the app's own variables are not a component's");
  });

  await t.step("Spin's health check answers", async () => {
    assert.deepEqual(await serving.get("/.well-known/spin/health"), [200, "OK"]);
  });

  assert.equal((await serving.stop()).code, 0);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
});

Deno.test("run serves an app that Spin before 2.0 pushed, and makes a component of its module", async () => {
  await using registry = await DockerRegistry.start();
  using user = new TestUser();
  const wasm = await printingHandler();
  const app = await packApp({ components: { cases: { wasm } }, old: true });
  await push(registry.url, "old", app, "v1");
  await using serving = await Serving.start(user, [`${registry.host}/old:v1`]);
  assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
  assert.equal((await serving.stop()).code, 0);
});

Deno.test("run answers 404 without a route and a static response without a component", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const fixed = {
    status_code: 203,
    headers: { "x-fixed": "yes" },
    body: "fixed",
  };
  const component = { component: "cases", route: "/hello", executor: { type: "http" } };
  const app = await packApp({
    components: { cases: { wasm: await guestBytes("http_cases") } },
    members: {
      triggers: [component, { static_response: fixed, route: "/fixed/..." }].map((config, i) => ({
        id: `trigger-${i}`,
        trigger_type: "http",
        trigger_config: config,
      })),
    },
  });
  await using serving = await Serving.start(user, ["-v", registry.add("app", app, "v1")]);
  assert.deepEqual(await serving.get("/hello"), [200, "hello\n"]);
  const response = await serving.fetch("/fixed/below");
  assert.deepEqual(
    [response.status, response.headers.get("x-fixed"), await response.text()],
    [203, "yes", "fixed"],
  );
  for (const path of ["/", "/hello/", "/hello/x", "/Hello", "/hell"]) {
    const [status] = await serving.get(path);
    assert.equal(status, path === "/hello/" ? 200 : 404, path);
  }
  await serving.said("GET /hell 404");
  const { stderr } = await serving.stop();
  const requests = stderr.split("\n").filter((line) => line.startsWith("GET "));
  assert.equal(requests.length, 7);
  for (const line of requests) assert.match(line, /^GET \/\S* \d{3} \d+\.\d ms$/);
});

Deno.test("run lets an app reach only the hosts that it lists", async (t) => {
  await using registry = await TestRegistry.start();
  await using listed = await HttpServer.start(() => textAnswer(200, "listed"));
  await using other = await HttpServer.start(() => textAnswer(200, "other"));
  using user = new TestUser();
  const wasm = await jsComponent("http_handler");
  const app = await packApp({
    components: {
      one: { wasm, outboundHosts: ["http://{{ backend }}", "http://self"] },
      none: { wasm },
    },
    routes: { "/...": "one", "/fetch/none": "none", "/hello/none": "none" },
    variables: { backend: { default: "example.com" } },
  });
  const reference = registry.add("app", app, "v1");
  const args = ["--variable", `backend=${listed.host}`, reference];
  await using serving = await Serving.start(user, args);
  const fetching = (path: string, url: string) =>
    serving.get(`${path}?url=${encodeURIComponent(url)}`);

  await t.step("a listed host", async () => {
    assert.deepEqual(await fetching("/fetch", `http://${listed.host}/`), [200, "200 listed"]);
  });

  await t.step("the app itself", async () => {
    assert.deepEqual(await fetching("/fetch", "http://self.alt/hello/none"), [
      200,
      "200 hello from JavaScript\n",
    ]);
  });

  await t.step("a host that is not listed", async () => {
    for (const [path, server] of [["/fetch", other], ["/fetch/none", listed]] as const) {
      server.clearLog();
      assert.equal((await fetching(path, `http://${server.host}/`))[0], 500);
      assert.deepEqual(server.requests(), []);
    }
    // It can follow the first half of a line that the guest writes.
    const refused = /warning: one: refused to connect to http:.*allowed_outbound_hosts$/m;
    await serving.said("warning: one: refused");
    assert.match(serving.stderr, refused);
  });
});

Deno.test("run rejects missing, unknown and malformed variables before it serves", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const app = await packApp({
    components: { variables: { wasm: await guestBytes("variable") } },
    variables: { name: { required: true }, token: { required: true, secret: true } },
  });
  const reference = registry.add("app", app, "v1");
  const cases: [args: string[], error: RegExp, hint: RegExp][] = [
    [
      [],
      /needs values for the variables "name", "token"/,
      /--variable name=VALUE --variable token/,
    ],
    [["--variable", "nme=x"], /has no variable "nme"/, /its variables are name, token/],
    [["--variable", "token"], /bad --variable: /, /./],
  ];
  for (const [args, error, hint] of cases) {
    await t.step(args.join(" ") || "none", async () => {
      const result = await user.larder(["run", "--listen", "127.0.0.1:0", ...args, reference]);
      assert.deepEqual([result.code, result.stdout], [2, ""], result.stderr);
      assert.match(result.stderr, new RegExp(`^error: .*${error.source}.*\\[LDR_USAGE\\]$`, "m"));
      assert.match(result.stderr, new RegExp(`^hint: .*${hint.source}`, "m"));
    });
  }
});

Deno.test("run rejects options that have no use with a Spin app", async () => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const app = await packApp({ components: { cases: { wasm: await guestBytes("http_cases") } } });
  const reference = registry.add("app", app, "v1");
  for (const option of ["--dir=.", "--env=A=B", "--allow-net"]) {
    const { code, stderr } = await user.larder(["run", option, reference]);
    assert.equal(code, 2);
    assert.match(stderr, /does not apply to a Spin app.*\[LDR_USAGE\]/);
  }
});
