import assert from "node:assert/strict";
import { readTextIfAny } from "../../../src/base/files.ts";
import { askHelper } from "../../../src/registry/credentials/helper.ts";
import { Desk, entry, found } from "../../support/registry/desk.ts";
import { failureOf } from "../../support/failure_of.ts";

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
    ["too much", "while :; do echo hunter2-hunter2-hunter2-hunter2; done", /wrote more than/],
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
  assert.match(error.message, /did not finish within 0\.3 s/);
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
