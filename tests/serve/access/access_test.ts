import assert from "node:assert/strict";
import { join } from "node:path";
import { type ErrorCode, hasCode } from "../../../src/base/errors.ts";
import { Access, type AccessOptions } from "../../../src/serve/access/access.ts";
import { errorResponse } from "../../../src/serve/errors.ts";
import { run } from "../../support/cli/commands.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

interface Setup {
  readonly folder: TemporaryFolder;
  readonly clock: FakeClock;
  readonly warnings: string[];
  /** Writes a file that only this user may read. */
  file(name: string, text: string): string;
  access(options: Partial<AccessOptions>): Access;
}

function setup(): Setup & Disposable {
  const folder = new TemporaryFolder();
  const clock = new FakeClock();
  const warnings: string[] = [];
  return {
    folder,
    clock,
    warnings,
    file(name, text) {
      const path = join(folder.path, name);
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
      return path;
    },
    access: (options) =>
      new Access({
        hostname: "127.0.0.1",
        allow: [],
        clock,
        warn: (message) => warnings.push(message),
        ...options,
      }),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

function request(headers: Record<string, string> = {}, path = "/v2/"): Request {
  return new Request(`http://localhost:5000${path}`, {
    headers: { host: "localhost", ...headers },
  });
}

const basic = (user: string, password: string) => ({
  authorization: `Basic ${btoa(`${user}:${password}`)}`,
});

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function statusOf(access: Access, asked: Request): Promise<number> {
  return (await access.authorize(asked))?.status ?? 200;
}

const LISTENING: readonly (readonly [string, Partial<AccessOptions>, ErrorCode | undefined])[] = [
  ["127.0.0.1", {}, undefined],
  ["127.8.9.1", {}, undefined],
  ["::1", {}, undefined],
  ["localhost", {}, undefined],
  ["0.0.0.0", {}, "LDR_USAGE"],
  ["::", { allow: ["*"] }, "LDR_USAGE"],
  ["192.168.1.2", { open: true }, "LDR_USAGE"],
  ["0.0.0.0", { open: true, allow: ["*"] }, undefined],
  ["0.0.0.0", { tokenFile: "tokens" }, "LDR_USAGE"],
  ["0.0.0.0", { tokenFile: "tokens", allow: ["*"] }, undefined],
  ["0.0.0.0", { tokenFile: "tokens", open: true, allow: ["*"] }, "LDR_USAGE"],
  ["127.0.0.1", { tokenFile: "absent" }, "LDR_CONFIG"],
];

for (const [hostname, options, code] of LISTENING) {
  const title = `${code ? `fails with ${code}` : "accepts"} ${hostname} ${JSON.stringify(options)}`;
  Deno.test(`Access ${title}`, () => {
    using own = setup();
    own.file("tokens", TOKEN);
    const { tokenFile } = options;
    const files = tokenFile ? { tokenFile: join(own.folder.path, tokenFile) } : {};
    const open = () => own.access({ hostname, ...options, ...files });
    if (code) assert.throws(open, (error) => hasCode(error, code));
    else open();
  });
}

const HOSTS: readonly (readonly [string, number])[] = [
  ["localhost", 200],
  ["LOCALHOST:5000", 200],
  ["localhost:6000", 200],
  ["registry.localhost:5000", 200],
  ["127.0.0.1:5000", 200],
  ["127.1.2.3", 200],
  ["[::1]:5000", 200],
  ["evil.example", 421],
  ["evil.example:5000", 421],
  ["localhost.evil.example", 421],
  ["127.0.0.1.evil.example", 421],
  ["user@localhost", 421],
  ["localhost/evil", 421],
  ["192.168.1.2", 421],
  ["[::2]", 421],
  ["[", 421],
  ["", 421],
];

for (const [host, status] of HOSTS) {
  Deno.test(`Access.authorize on loopback answers ${status} to Host "${host}"`, async () => {
    using own = setup();
    assert.equal(await statusOf(own.access({}), request({ host })), status);
  });
}

const PAGES: readonly (readonly [Record<string, string>, number])[] = [
  [{ origin: "https://evil.example" }, 403],
  [{ origin: "null" }, 403],
  [{ origin: "http://localhost:8080", host: "localhost:5000" }, 403],
  [{ origin: "http://localhost:5000", host: "localhost:5000" }, 200],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ "sec-fetch-site": "same-site" }, 403],
  [{ "sec-fetch-site": "same-origin" }, 200],
  [{ "sec-fetch-site": "none" }, 200],
];

for (const [headers, status] of PAGES) {
  Deno.test(`Access.authorize answers ${status} to ${JSON.stringify(headers)}`, async () => {
    using own = setup();
    for (const hostname of ["127.0.0.1", "0.0.0.0"]) {
      const access = own.access({ hostname, open: true, allow: ["*"] });
      const response = await access.authorize(request(headers));
      assert.equal(response?.status ?? 200, status);
      assert.ok(!Object.hasOwn(response?.headers ?? {}, "access-control-allow-origin"));
    }
  });
}

Deno.test("Access.authorize accepts a token as Bearer and as a password, and nothing else", async () => {
  using own = setup();
  const access = own.access({ tokenFile: own.file("tokens", TOKEN) });
  const cases: [Record<string, string>, number][] = [
    [bearer(TOKEN), 200],
    [{ authorization: `bearer  ${TOKEN}` }, 200],
    [basic("any", TOKEN), 200],
    [{}, 401],
    [bearer(TOKEN.slice(1)), 401],
    [bearer("x".repeat(5000)), 401],
    [basic(TOKEN, ""), 401],
    [{ authorization: TOKEN }, 401],
    [{ authorization: "Basic !!!" }, 401],
    [{ authorization: "Digest abc" }, 401],
    [{ authorization: "" }, 401],
  ];
  for (const [headers, status] of cases) {
    assert.equal(await statusOf(access, request(headers)), status, JSON.stringify(headers));
  }
  assert.equal(await statusOf(access, request({}, "/healthz")), 200);
  for (const path of ["/healthz/../v2/", "/v2/?x=/healthz", "/v2/healthz", "/healthz?x"]) {
    assert.equal(await statusOf(access, request({}, path)), 401, path);
  }
});

Deno.test("Access.authorize answers 401 in the form of the specification, with a Basic challenge", async () => {
  using own = setup();
  const access = own.access({ tokenFile: own.file("tokens", TOKEN) });
  const response = errorResponse((await access.authorize(request()))!);
  assert.equal(response.headers.get("www-authenticate"), 'Basic realm="larder", charset="UTF-8"');
  assert.equal(response.headers.get("content-type"), "application/json");
  const { errors } = await response.json();
  assert.deepEqual(errors, [
    { code: "UNAUTHORIZED", message: "authentication required", detail: null },
  ]);
});

Deno.test("Access.authorize accepts users of a file that htpasswd wrote", async () => {
  using own = setup();
  const entries = await run("htpasswd", ["-nbB", "ann", "pässword: x"]);
  const access = own.access({ htpasswdFile: own.file("users", entries) });
  const utf8 = (text: string) => ({
    authorization: `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(text)))}`,
  });
  assert.equal(await statusOf(access, request(utf8("ann:pässword: x"))), 200);
  assert.equal(await statusOf(access, request(utf8("ann:pässword"))), 401);
  assert.equal(await statusOf(access, request(utf8("eve:pässword: x"))), 401);
  assert.equal(await statusOf(access, request(bearer(TOKEN))), 401);
});

Deno.test("Access.authorize follows changes of the file, and keeps it if the new one is broken", async () => {
  using own = setup();
  const path = own.file("tokens", TOKEN);
  const access = own.access({ tokenFile: path });
  const other = TOKEN.replace("0", "9");
  const statuses = () =>
    Promise.all([TOKEN, other].map((token) => statusOf(access, request(bearer(token)))));
  const change = (edit: () => void) => {
    edit();
    own.clock.time += 1000;
    return statuses();
  };
  assert.deepEqual(await statuses(), [200, 401]);
  assert.deepEqual(await change(() => own.file("tokens", `${other}\n`)), [401, 200]);
  assert.deepEqual(own.warnings, []);
  assert.deepEqual(await change(() => own.file("tokens", "short")), [401, 200]);
  assert.deepEqual(await change(() => {}), [401, 200]);
  assert.deepEqual(await change(() => Deno.removeSync(path)), [401, 200]);
  assert.deepEqual(await change(() => {}), [401, 200]);
  assert.equal(own.warnings.length, 2);
  assert.match(own.warnings[0]!, /^keeping what .*tokens contained before: .* fewer than 16/);
  assert.match(own.warnings[1]!, /the file is gone$/);
  assert.deepEqual(await change(() => own.file("tokens", TOKEN)), [200, 401]);
});

Deno.test("Access warns if other users have access to a file of credentials, through a link too", {
  ignore: Deno.build.os === "windows",
}, () => {
  using own = setup();
  const path = own.file("tokens", TOKEN);
  const link = join(own.folder.path, "link");
  Deno.symlinkSync(path, link);
  own.access({ tokenFile: link });
  assert.deepEqual(own.warnings, []);
  Deno.chmodSync(path, 0o644);
  own.access({ tokenFile: link });
  assert.match(own.warnings[0]!, /other users have access to .*link: type chmod o= .*link/);
});
