import assert from "node:assert/strict";
import { join } from "node:path";
import { LarderError } from "../../src/base/errors.ts";
import { readTextIfAny } from "../../src/base/files.ts";
import { redact, REDACTED } from "../../src/base/redact.ts";
import { askHelper } from "../../src/registry/credential_helpers.ts";
import { FileCredentials } from "../../src/registry/credentials.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const auth = (text: string) => btoa(text);
const entry = (text: string) => ({ auth: auth(text) });

/** A folder for files of credentials and, on the PATH, helper programs. */
class Desk implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly #path = Deno.env.get("PATH");
  readonly clock = new FakeClock();

  constructor() {
    Deno.env.set("PATH", `${this.#folder.path}:${this.#path}`);
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /** Writes a file; an object as JSON. */
  write(name: string, content: string | object): string {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    Deno.writeTextFileSync(this.path(name), text);
    return this.path(name);
  }

  /** Installs `docker-credential-NAME`, which notes how it is called in the file `calls`. */
  helper(name: string, script: string): void {
    const note = `read -r server; echo "$1 $server" >> '${this.path("calls")}'`;
    const path = this.write(`docker-credential-${name}`, `#!/bin/sh\n${note}\n${script}\n`);
    Deno.chmodSync(path, 0o755);
  }

  /** What helpers were called with. */
  get calls(): string[] {
    return readTextIfAny(this.path("calls"))?.trim().split("\n") ?? [];
  }

  /** The credentials in these files, in this order. */
  credentials(...names: string[]): FileCredentials {
    return new FileCredentials(names.map((name) => this.path(name)), this.clock);
  }

  [Symbol.dispose](): void {
    Deno.env.set("PATH", this.#path ?? "");
    this.#folder[Symbol.dispose]();
  }
}

/** `user:secret`, `<identity>:…`, `<registry>:…`, or undefined. */
async function found(
  source: FileCredentials,
  registry: string,
  repository?: string,
): Promise<string | undefined> {
  const credential = await source.find(registry, repository);
  if (!credential) return undefined;
  if ("password" in credential) return `${credential.username}:${credential.password}`;
  if ("registryToken" in credential) return `<registry>:${credential.registryToken}`;
  return `<identity ${credential.username ?? ""}>:${credential.identityToken}`;
}

async function failureOf(promise: Promise<unknown>): Promise<LarderError> {
  try {
    await promise;
  } catch (error) {
    assert(error instanceof LarderError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}

type Case = [name: string, auths: object, registry: string, repository: string, expected?: string];

const LOOKUPS: Case[] = [
  ["a host", { "ghcr.io": entry("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["another host", { "ghcr.io": entry("a:1234") }, "quay.io", "x/y", undefined],
  ["a host that ends alike", { "ghcr.io": entry("a:1234") }, "evil-ghcr.io", "x/y", undefined],
  ["a host with a port", { "h:5000": entry("a:1234") }, "h:5000", "x", "a:1234"],
  ["the host without the port", { h: entry("a:1234") }, "h:5000", "x", undefined],
  ["upper case", { "GHCR.io": entry("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["https://", { "https://ghcr.io": entry("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["/v1/ and /v2/", { "https://h.io/v2/": entry("a:1234") }, "h.io", "x/y", "a:1234"],
  [
    "Docker Hub by Docker's name",
    { "https://index.docker.io/v1/": entry("a:1234") },
    "docker.io",
    "library/nginx",
    "a:1234",
  ],
  ["Docker Hub by its name", { "docker.io": entry("a:1234") }, "docker.io", "x/y", "a:1234"],
  ["Docker Hub as Spin has it", { "index.docker.io": auth("a:1234") }, "docker.io", "x", "a:1234"],
  [
    "Docker Hub by several names: Docker's own counts",
    { "docker.io": entry("a:1234"), "https://index.docker.io/v1/": entry("b:1234") },
    "docker.io",
    "x/y",
    "b:1234",
  ],
  [
    "the longest part of the repository's name",
    { "q.io": entry("a:1234"), "q.io/x/y": entry("c:1234"), "q.io/x": entry("b:1234") },
    "q.io",
    "x/y/z",
    "c:1234",
  ],
  ["the whole name", { "q.io/x/y": entry("c:1234") }, "q.io", "x/y", "c:1234"],
  ["only whole parts of it", { "q.io/x/y": entry("c:1234") }, "q.io", "x/yz", undefined],
  ["more than its name", { "q.io/x/y/z": entry("c:1234") }, "q.io", "x/y", undefined],
  [
    "an empty entry is passed over",
    { "q.io/x": {}, "q.io": entry("a:1234") },
    "q.io",
    "x/y",
    "a:1234",
  ],
  ["Spin's form", { "ghcr.io": auth("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["a password with colons", { "h.io": entry("a:b:c:d") }, "h.io", "x", "a:b:c:d"],
  ["NULs after it", { "h.io": entry("a:1234\0\0") }, "h.io", "x", "a:1234"],
  ["name and password", { "h.io": { username: "a", password: "1234" } }, "h.io", "x", "a:1234"],
  [
    "auth before name and password",
    { "h.io": { ...entry("a:1234"), username: "b", password: "5678" } },
    "h.io",
    "x",
    "a:1234",
  ],
  ["a name without a password", { "h.io": { username: "a" } }, "h.io", "x", undefined],
  [
    "an identity token",
    { "h.io": { ...entry("a:"), identitytoken: "tttt" } },
    "h.io",
    "x",
    "<identity a>:tttt",
  ],
  [
    "an identity token without a name",
    { "h.io": { auth: "", identitytoken: "tttt" } },
    "h.io",
    "x",
    "<identity >:tttt",
  ],
  [
    "an identity token as password",
    { "h.io": entry("<token>:tttt") },
    "h.io",
    "x",
    "<identity >:tttt",
  ],
  ["a registry token", { "h.io": { registrytoken: "tttt" } }, "h.io", "x", "<registry>:tttt"],
  ["null members", { "h.io": { auth: null, username: null } }, "h.io", "x", undefined],
  ["a broken entry of another host", { "o.io": 5, "h.io": entry("a:1234") }, "h.io", "x", "a:1234"],
];

for (const [name, auths, registry, repository, expected] of LOOKUPS) {
  Deno.test(`credentials in a file: ${name}`, async () => {
    using desk = new Desk();
    desk.write("config.json", { auths });
    assert.equal(await found(desk.credentials("config.json"), registry, repository), expected);
  });
}

Deno.test("credentials: the first file that has some wins, and files may be missing", async () => {
  using desk = new Desk();
  desk.write("1.json", { auths: { "one.io": entry("a:1111") } });
  desk.write("2.json", { auths: { "one.io": entry("b:2222"), "two.io": entry("c:2222") } });
  desk.write("empty", "");
  const source = desk.credentials("missing", "no/folder", "empty", "1.json", "2.json");
  assert.equal(await found(source, "one.io"), "a:1111");
  assert.equal(await found(source, "two.io"), "c:2222");
  assert.equal(await found(source, "three.io"), undefined);
});

Deno.test("credentials: their source is the file, and their secrets are redacted", async () => {
  using desk = new Desk();
  const path = desk.write("1.json", { auths: { "h.io": entry("a:very-secret-9") } });
  assert.equal((await desk.credentials("1.json").find("h.io"))?.source, path);
  assert.equal(redact("very-secret-9"), REDACTED);
  assert.equal(redact(auth("a:very-secret-9")), REDACTED);
});

Deno.test("credentials: files are read when they are first needed, and once", async () => {
  using desk = new Desk();
  const source = desk.credentials("1.json", "broken.json");
  desk.write("1.json", { auths: { "h.io": entry("a:1111") } });
  desk.write("broken.json", "{");
  assert.equal(await found(source, "h.io"), "a:1111");
  desk.write("1.json", { auths: { "h.io": entry("b:2222") } });
  assert.equal(await found(source, "h.io"), "a:1111");
});

Deno.test("credentials: a broken file is named, its content is not shown", async () => {
  const broken: [name: string, content: string | object][] = [
    ["no JSON", '{"auths": {"h.io": {"auth": "hunter2-hunter2"'],
    ["no object", '"hunter2-hunter2"'],
    ["auths is no object", { auths: "hunter2-hunter2" }],
    ["credsStore is no text", { credsStore: { x: "hunter2-hunter2" } }],
    ["credHelpers is no table", { credHelpers: { "h.io": { x: "hunter2-hunter2" } } }],
    ["the entry is a number", { auths: { "h.io": 5 } }],
    ["the password is no text", { auths: { "h.io": { password: ["hunter2-hunter2"] } } }],
    ["auth is not base64", { auths: { "h.io": { auth: "hunter2-hunter2" } } }],
    ["auth has no colon", { auths: { "h.io": entry("hunter2-hunter2") } }],
    ["auth is not UTF-8", { auths: { "h.io": { auth: btoa("hunter2\xff:x") } } }],
  ];
  for (const [name, content] of broken) {
    using desk = new Desk();
    const path = desk.write("config.json", content);
    const error = await failureOf(desk.credentials("config.json").find("h.io", "x"));
    assert.equal(error.code, "LDR_CONFIG", name);
    assert.equal(error.exitCode, 2);
    assert(error.message.includes(path), error.message);
    const told = Deno.inspect(error, { depth: 9 });
    assert(!told.includes("hunter2") && !told.includes(btoa("hunter2").slice(0, 8)), told);
  }
});

Deno.test("credentials: a file that cannot be read is named", async () => {
  using desk = new Desk();
  Deno.symlinkSync("config.json", desk.path("config.json")); // A link to itself.
  const error = await failureOf(desk.credentials("config.json").find("h.io"));
  assert.equal(error.code, "LDR_CONFIG");
  assert(error.message.includes(desk.path("config.json")), error.message);
});

const answer = (username: string, secret: string) =>
  `echo '${JSON.stringify({ ServerURL: "s", Username: username, Secret: secret })}'`;

Deno.test("helpers: the registry's own, then the one for all, then the file", async () => {
  using desk = new Desk();
  desk.helper("own", answer("own", "1111"));
  desk.helper("all", answer("all", "2222"));
  desk.write("config.json", {
    credsStore: "all",
    credHelpers: { "one.io": "own", "plain.io": "" },
    auths: { "one.io": entry("file:3333"), "plain.io": entry("file:3333") },
  });
  const source = desk.credentials("config.json");
  assert.equal(await found(source, "one.io"), "own:1111");
  assert.equal(await found(source, "two.io"), "all:2222");
  assert.equal(await found(source, "plain.io"), "file:3333");
  assert.equal(await found(source, "docker.io", "library/nginx"), "all:2222");
  assert.deepEqual(desk.calls, [
    "get one.io",
    "get two.io",
    "get https://index.docker.io/v1/",
  ]);
});

Deno.test("helpers: Docker Hub's own may be named by any of its names, and hears that one", async () => {
  for (const key of ["docker.io", "https://index.docker.io/v1/"]) {
    using desk = new Desk();
    desk.helper("hub", answer("a", "1111"));
    desk.write("config.json", { credHelpers: { [key]: "hub" } });
    assert.equal(await found(desk.credentials("config.json"), "docker.io"), "a:1111");
    assert.deepEqual(desk.calls, [`get ${key}`]);
  }
});

Deno.test("helpers: what they can answer", async () => {
  const cases: [name: string, script: string, expected: string | undefined][] = [
    ["an identity token", answer("<token>", "tttt"), "<identity >:tttt"],
    ["none", 'echo "credentials not found in native keychain"; exit 1', "file:3333"],
    ["empty ones", answer("", ""), "file:3333"],
    [
      "a secret that speaks of none",
      answer("a", "credentials not found"),
      "a:credentials not found",
    ],
    ["JSON over several lines", `printf '{\\n"Username":"a",\\n"Secret":"1111"}\\n'`, "a:1111"],
  ];
  for (const [name, script, expected] of cases) {
    using desk = new Desk();
    desk.helper("x", script);
    desk.write("config.json", { credsStore: "x", auths: { "h.io": entry("file:3333") } });
    assert.equal(await found(desk.credentials("config.json"), "h.io"), expected, name);
  }
});

Deno.test("helpers: how they can fail", async () => {
  const cases: [name: string, script: string, expected: RegExp][] = [
    ["a failure", 'echo "the safe is locked"; exit 3', /status 3: the safe is locked/],
    ["a failure without a word", "exit 1", /status 1$/],
    ["a failure that shows a secret", `${answer("a", "hunter2-hunter2")}; exit 1`, /status 1$/],
    ["no JSON", "echo hunter2-hunter2", /no credential/],
    ["something else", `echo '{"Username":"a"}'`, /no credential/],
    ["nothing", "true", /no credential/],
    ["too much", "while :; do echo hunter2-hunter2-hunter2-hunter2; done", /without end/],
  ];
  for (const [name, script, expected] of cases) {
    using desk = new Desk();
    desk.helper("bad", script);
    const path = desk.write("config.json", { credsStore: "bad" });
    const error = await failureOf(desk.credentials("config.json").find("h.io"));
    assert.equal(error.code, "LDR_CREDENTIAL_HELPER", name);
    assert.match(error.message, expected, name);
    assert(error.message.includes("docker-credential-bad"), error.message);
    assert(error.message.includes(path), error.message);
    assert(!Deno.inspect(error).includes("hunter2"), name);
  }
});

Deno.test("helpers: one that is not there, and names that are none", async () => {
  using desk = new Desk();
  desk.write("missing.json", { credsStore: "larder-test-missing" });
  const missing = await failureOf(desk.credentials("missing.json").find("h.io"));
  assert.equal(missing.code, "LDR_CREDENTIAL_HELPER");
  assert.match(missing.message, /docker-credential-larder-test-missing.*is not installed/);

  for (const name of ["../evil", "a b", "x;touch pwned", "$(id)", "ä", "a\nb"]) {
    desk.write("evil.json", { credsStore: name });
    const error = await failureOf(desk.credentials("evil.json").find("h.io"));
    assert.equal(error.code, "LDR_CREDENTIAL_HELPER", name);
    assert(!error.message.includes("\n"));
  }
  assert.deepEqual(desk.calls, []);
});

Deno.test("helpers: one that hangs, with a child that holds its output, is given up", async () => {
  using desk = new Desk();
  desk.helper("slow", 'sleep 300 & echo $! > "$(dirname "$0")/child"; wait');
  const error = await failureOf(
    askHelper({ helper: "slow", server: "h.io" }, { namedIn: "a file", timeout: 300 }),
  );
  assert.equal(error.code, "LDR_CREDENTIAL_HELPER");
  assert.match(error.message, /not done after 0\.3 s/);
  const child = readTextIfAny(desk.path("child")); // None, if it was too slow to begin.
  if (child) Deno.kill(Number(child));
});

Deno.test("helpers: an interruption ends the wait", async () => {
  using desk = new Desk();
  desk.helper("slow", "exec sleep 300");
  desk.write("config.json", { credsStore: "slow" });
  const stop = new AbortController();
  const failure = failureOf(desk.credentials("config.json").find("h.io", "x", stop.signal));
  stop.abort();
  assert.equal((await failure).code, "LDR_INTERRUPTED");
});

Deno.test("helpers: one call serves all who ask at once and soon after", async () => {
  using desk = new Desk();
  desk.helper("x", answer("a", "1111"));
  desk.write("config.json", { credsStore: "x" });
  const source = desk.credentials("config.json");
  const all = ["p", "q", "r"].map((repository) => found(source, "h.io", repository));
  assert.deepEqual(await Promise.all(all), ["a:1111", "a:1111", "a:1111"]);
  desk.clock.time += 5 * 60_000 - 1;
  await found(source, "h.io", "s");
  assert.equal(desk.calls.length, 1);
  desk.clock.time++;
  await found(source, "h.io", "s");
  assert.equal(desk.calls.length, 2);
});
