import assert from "node:assert/strict";
import { readTextIfAny } from "../../../src/base/files/files.ts";
import { askHelper } from "../../../src/registry/credentials/helper.ts";
import { failureOf } from "../../support/failure_of.ts";
import {
  CredentialFolder,
  entry,
  findCredential,
} from "../../support/registry/credential_folder.ts";

const answer = (username: string, secret: string) =>
  `echo '${JSON.stringify({ ServerURL: "s", Username: username, Secret: secret })}'`;

Deno.test("FileCredentials.find tries the registry's helper, then the default one, then the file", async () => {
  using folder = new CredentialFolder();
  folder.helper("own", answer("own", "1111"));
  folder.helper("default", answer("default", "2222"));
  folder.write("config.json", {
    credsStore: "default",
    credHelpers: { "one.io": "own", "plain.io": "" },
    auths: { "one.io": entry("file:3333"), "plain.io": entry("file:3333") },
  });
  const source = folder.credentials("config.json");
  assert.equal(await findCredential(source, "one.io"), "own:1111");
  assert.equal(await findCredential(source, "two.io"), "default:2222");
  assert.equal(await findCredential(source, "plain.io"), "file:3333");
  assert.equal(await findCredential(source, "docker.io", "library/nginx"), "default:2222");
  assert.deepEqual(folder.calls, [
    "get one.io",
    "get two.io",
    "get https://index.docker.io/v1/",
  ]);
});

Deno.test("FileCredentials.find reads keys of credHelpers with wildcards", async () => {
  const cases: [registry: string, expected: string][] = [
    ["1234.dkr.ecr.us-east-1.amazonaws.com", "ecr:1111"],
    ["5678.dkr.ecr.us-east-1.amazonaws.com", "exact:1111"],
    ["1234.dkr.ecr.eu.west.amazonaws.com", "default:1111"],
    ["a.b.dkr.ecr.us-east-1.amazonaws.com", "default:1111"],
    ["1234.dkr.ecr.us-east-1.amazonaws.com.evil.io", "default:1111"],
    ["a.lab.io:5000", "lab:1111"],
    ["a.lab.io", "default:1111"],
  ];
  using folder = new CredentialFolder();
  for (const name of ["ecr", "exact", "lab", "short", "default"]) {
    folder.helper(name, answer(name, "1111"));
  }
  folder.write("config.json", {
    credsStore: "default",
    credHelpers: {
      "*.dkr.*.*.amazonaws.com": "short",
      "*.dkr.ecr.*.amazonaws.com": "ecr",
      "5678.dkr.ecr.us-east-1.amazonaws.com": "exact",
      "*.LAB.io:5000": "lab",
    },
  });
  const source = folder.credentials("config.json");
  for (const [registry, expected] of cases) {
    assert.equal(await findCredential(source, registry), expected, registry);
  }
  assert.equal(folder.calls[0], `get ${cases[0]![0]}`);
});

Deno.test("FileCredentials.find passes over a broken helper, and fails if nothing else has credentials", async () => {
  const scripts: [name: string, script: string | undefined][] = [
    ["missing", undefined],
    ["failing", "exit 1"],
    ["garbage", "echo garbage"],
  ];
  for (const [name, script] of scripts) {
    using folder = new CredentialFolder();
    if (script) folder.helper(name, script);
    folder.write("1.json", { credsStore: name, auths: { "own.io": entry("own:1111") } });
    folder.write("2.json", { auths: { "next.io": entry("next:2222") } });
    const source = folder.credentials("1.json", "2.json");
    assert.equal(await findCredential(source, "own.io"), "own:1111", name);
    assert.equal(await findCredential(source, "next.io"), "next:2222", name);
    for (let i = 0; i < 2; i++) {
      assert.equal((await failureOf(source.find("none.io"))).code, "LDR_CREDENTIAL_HELPER", name);
    }
    assert.equal(folder.calls.length, script ? 3 : 0, "a failure is not reused");
  }
});

Deno.test("askHelper passes Docker Hub's name as the file has it", async () => {
  for (const key of ["docker.io", "https://index.docker.io/v1/"]) {
    using folder = new CredentialFolder();
    folder.helper("hub", answer("a", "1111"));
    folder.write("config.json", { credHelpers: { [key]: "hub" } });
    assert.equal(await findCredential(folder.credentials("config.json"), "docker.io"), "a:1111");
    assert.deepEqual(folder.calls, [`get ${key}`]);
  }
});

Deno.test("askHelper reads every form of output", async () => {
  const cases: [name: string, script: string, expected: string | undefined][] = [
    ["an identity token", answer("<token>", "tttt"), "<identity >:tttt"],
    ["no credentials", 'echo "credentials not found in native keychain"; exit 1', "file:3333"],
    ["empty credentials", answer("", ""), "file:3333"],
    ["an empty object", "echo '{}'", "file:3333"],
    ["null members", `echo '{"Username":null,"Secret":null}'`, "file:3333"],
    ["a user name alone", `echo '{"Username":"a"}'`, "file:3333"],
    ["no output", "true", "file:3333"],
    [
      "a secret with the text for no credentials",
      answer("a", "credentials not found"),
      "a:credentials not found",
    ],
    ["JSON over several lines", `printf '{\\n"Username":"a",\\n"Secret":"1111"}\\n'`, "a:1111"],
  ];
  for (const [name, script, expected] of cases) {
    using folder = new CredentialFolder();
    folder.helper("x", script);
    folder.write("config.json", { credsStore: "x", auths: { "h.io": entry("file:3333") } });
    assert.equal(await findCredential(folder.credentials("config.json"), "h.io"), expected, name);
  }
});

Deno.test("askHelper fails with the helper's message, but no secret", async () => {
  const cases: [name: string, script: string, expected: RegExp][] = [
    ["a failure", 'echo "the safe is locked"; exit 3', /status 3: the safe is locked/],
    ["a failure without a message", "exit 1", /status 1$/],
    ["a failure that shows a secret", `${answer("a", "hunter2-hunter2")}; exit 1`, /status 1$/],
    ["invalid JSON", "echo hunter2-hunter2", /no credential/],
    ["another value", "echo '[]'; echo 5", /no credential/],
    ["a name that is no text", `echo '{"Username":5,"Secret":"hunter2"}'`, /no credential/],
    ["endless output", "while :; do echo hunter2-hunter2-hunter2-hunter2; done", /wrote more than/],
  ];
  for (const [name, script, expected] of cases) {
    using folder = new CredentialFolder();
    folder.helper("bad", script);
    const path = folder.write("config.json", { credsStore: "bad" });
    const error = await failureOf(folder.credentials("config.json").find("h.io"));
    assert.equal(error.code, "LDR_CREDENTIAL_HELPER", name);
    assert.match(error.message, expected, name);
    assert(error.message.includes("docker-credential-bad"), error.message);
    assert(error.message.includes(path), error.message);
    assert(!Deno.inspect(error).includes("hunter2"), name);
  }
});

Deno.test("askHelper fails for a missing helper and for invalid names", async () => {
  using folder = new CredentialFolder();
  folder.write("missing.json", { credsStore: "larder-test-missing" });
  const missing = await failureOf(folder.credentials("missing.json").find("h.io"));
  assert.equal(missing.code, "LDR_CREDENTIAL_HELPER");
  assert.match(missing.message, /docker-credential-larder-test-missing.*is not installed/);

  for (const name of ["../evil", "a b", "x;touch pwned", "$(id)", "ä", "a\nb"]) {
    folder.write("evil.json", { credsStore: name });
    const error = await failureOf(folder.credentials("evil.json").find("h.io"));
    assert.equal(error.code, "LDR_CREDENTIAL_HELPER", name);
    assert(!error.message.includes("\n"));
  }
  assert.deepEqual(folder.calls, []);
});

Deno.test("askHelper fails after the timeout, even if a child process holds the output", async () => {
  using folder = new CredentialFolder();
  folder.helper("slow", 'sleep 300 & echo $! > "$(dirname "$0")/child"; wait');
  const error = await failureOf(
    askHelper({ helper: "slow", server: "h.io" }, { namedIn: "a file", timeout: 300 }),
  );
  assert.equal(error.code, "LDR_CREDENTIAL_HELPER");
  assert.match(error.message, /did not finish within 0\.3 s/);
  const child = readTextIfAny(folder.path("child")); // Missing if the helper was too slow to start.
  if (child) Deno.kill(Number(child));
});

Deno.test("askHelper ends when it is interrupted", async () => {
  using folder = new CredentialFolder();
  folder.helper("slow", "exec sleep 300");
  folder.write("config.json", { credsStore: "slow" });
  const stop = new AbortController();
  const failure = failureOf(folder.credentials("config.json").find("h.io", "x", stop.signal));
  stop.abort();
  assert.equal((await failure).code, "LDR_INTERRUPTED");
});

Deno.test("FileCredentials.find runs a helper once for concurrent and soon repeated lookups", async () => {
  using folder = new CredentialFolder();
  folder.helper("x", answer("a", "1111"));
  folder.write("config.json", { credsStore: "x" });
  const source = folder.credentials("config.json");
  const all = ["p", "q", "r"].map((repository) => findCredential(source, "h.io", repository));
  assert.deepEqual(await Promise.all(all), ["a:1111", "a:1111", "a:1111"]);
  folder.clock.time += 5 * 60_000 - 1;
  await findCredential(source, "h.io", "s");
  assert.equal(folder.calls.length, 1);
  folder.clock.time++;
  await findCredential(source, "h.io", "s");
  assert.equal(folder.calls.length, 2);
});
