import assert from "node:assert/strict";
import { redact, REDACTED } from "../../../src/base/redact.ts";
import { auth, Desk, entry, found } from "../../support/registry/desk.ts";
import { failureOf } from "../../support/failure_of.ts";

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
