import assert from "node:assert/strict";
import { redact, REDACTED } from "../../../src/base/redact.ts";
import { failureOf } from "../../support/failure_of.ts";
import {
  auth,
  CredentialFolder,
  entry,
  findCredential,
} from "../../support/registry/credential_folder.ts";

type Case = [name: string, auths: object, registry: string, repository: string, expected?: string];

const LOOKUPS: Case[] = [
  ["a host", { "ghcr.io": entry("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["another host", { "ghcr.io": entry("a:1234") }, "quay.io", "x/y", undefined],
  ["a host with the same end", { "ghcr.io": entry("a:1234") }, "evil-ghcr.io", "x/y", undefined],
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
  ["Docker Hub by Spin's name", { "index.docker.io": auth("a:1234") }, "docker.io", "x", "a:1234"],
  [
    "Docker's own of several names of Docker Hub",
    { "docker.io": entry("a:1234"), "https://index.docker.io/v1/": entry("b:1234") },
    "docker.io",
    "x/y",
    "b:1234",
  ],
  [
    "the exact key before its aliases",
    {
      "https://h.io/v1/": entry("a:1111"),
      "H.io": entry("a:2222"),
      "h.io": entry("a:3333"),
      "http://h.io": entry("a:4444"),
    },
    "h.io",
    "x",
    "a:3333",
  ],
  [
    "docker.io before other names of Docker Hub",
    { "index.docker.io": entry("index:docker.io"), "docker.io": entry("docker:io") },
    "docker.io",
    "library/busybox",
    "docker:io",
  ],
  [
    "the address of a server, whose path is ignored",
    { "https://registry6.example.com/path/": entry("a:1234") },
    "registry6.example.com",
    "x",
    "a:1234",
  ],
  [
    "a repository of Docker Hub",
    { "docker.io/library": entry("a:1111"), "docker.io/library/busybox": entry("b:2222") },
    "docker.io",
    "library/busybox",
    "b:2222",
  ],
  [
    "a namespace of Docker Hub, which is not below library",
    { "docker.io/vendor": entry("first:level"), "docker.io": entry("top:level") },
    "docker.io",
    "vendor/product",
    "first:level",
  ],
  [
    "another namespace of Docker Hub",
    { "docker.io/vendor": entry("first:level"), "docker.io": entry("top:level") },
    "docker.io",
    "other-vendor/other-product",
    "top:level",
  ],
  [
    "a repository of a host with a port",
    { "10.10.30.45:5000": entry("a:1111"), "10.10.30.45:5000/x": entry("b:2222") },
    "10.10.30.45:5000",
    "x/y",
    "b:2222",
  ],
  [
    "all three kinds of secrets, of which the registry token needs no exchange",
    { "h.io": { ...entry("a:1234"), identitytoken: "iiii", registrytoken: "rrrr" } },
    "h.io",
    "x",
    "<registry>:rrrr",
  ],
  [
    "the longest prefix of the repository",
    { "q.io": entry("a:1234"), "q.io/x/y": entry("c:1234"), "q.io/x": entry("b:1234") },
    "q.io",
    "x/y/z",
    "c:1234",
  ],
  ["the whole repository", { "q.io/x/y": entry("c:1234") }, "q.io", "x/y", "c:1234"],
  ["a prefix that ends within a name", { "q.io/x/y": entry("c:1234") }, "q.io", "x/yz", undefined],
  ["a longer name", { "q.io/x/y/z": entry("c:1234") }, "q.io", "x/y", undefined],
  [
    "an empty entry, which is ignored",
    { "q.io/x": {}, "q.io": entry("a:1234") },
    "q.io",
    "x/y",
    "a:1234",
  ],
  ["Spin's format", { "ghcr.io": auth("a:1234") }, "ghcr.io", "x/y", "a:1234"],
  ["a password with colons", { "h.io": entry("a:b:c:d") }, "h.io", "x", "a:b:c:d"],
  ["a password with NULs", { "h.io": entry("a:1234\0\0") }, "h.io", "x", "a:1234"],
  [
    "user name and password",
    { "h.io": { username: "a", password: "1234" } },
    "h.io",
    "x",
    "a:1234",
  ],
  [
    "auth beside user name and password",
    { "h.io": { ...entry("a:1234"), username: "b", password: "5678" } },
    "h.io",
    "x",
    "a:1234",
  ],
  ["a user name without a password", { "h.io": { username: "a" } }, "h.io", "x", undefined],
  [
    "an identity token",
    { "h.io": { ...entry("a:"), identitytoken: "tttt" } },
    "h.io",
    "x",
    "<identity a>:tttt",
  ],
  [
    "an identity token without a user name",
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
  [
    "an invalid entry of another host",
    { "o.io": 5, "h.io": entry("a:1234") },
    "h.io",
    "x",
    "a:1234",
  ],
];

for (const [name, auths, registry, repository, expected] of LOOKUPS) {
  Deno.test(`FileCredentials.find with ${name}`, async () => {
    using folder = new CredentialFolder();
    folder.write("config.json", { auths });
    assert.equal(
      await findCredential(folder.credentials("config.json"), registry, repository),
      expected,
    );
  });
}

Deno.test("FileCredentials.find uses the first file with credentials and ignores missing files", async () => {
  using folder = new CredentialFolder();
  folder.write("1.json", { auths: { "one.io": entry("a:1111") } });
  folder.write("2.json", { auths: { "one.io": entry("b:2222"), "two.io": entry("c:2222") } });
  folder.write("empty", "");
  const source = folder.credentials("missing", "no/folder", "empty", "1.json", "2.json");
  assert.equal(await findCredential(source, "one.io"), "a:1111");
  assert.equal(await findCredential(source, "two.io"), "c:2222");
  assert.equal(await findCredential(source, "three.io"), undefined);
});

Deno.test("FileCredentials.find passes over a broken file, and fails if no other has credentials", async () => {
  using folder = new CredentialFolder();
  folder.write("broken.json", "{");
  folder.write("good.json", { auths: { "h.io": entry("a:1111") } });
  const source = folder.credentials("broken.json", "good.json");
  assert.equal(await findCredential(source, "h.io"), "a:1111");
  assert.equal((await failureOf(source.find("other.io"))).code, "LDR_CONFIG");
});

Deno.test("FileCredentials.find names the file and registers secrets for redaction", async () => {
  using folder = new CredentialFolder();
  const path = folder.write("1.json", { auths: { "h.io": entry("a:very-secret-9") } });
  assert.equal((await folder.credentials("1.json").find("h.io"))?.source, path);
  assert.equal(redact("very-secret-9"), REDACTED);
  assert.equal(redact(auth("a:very-secret-9")), REDACTED);
});

Deno.test("FileCredentials.find reads a file once, at the first lookup", async () => {
  using folder = new CredentialFolder();
  const source = folder.credentials("1.json", "broken.json");
  folder.write("1.json", { auths: { "h.io": entry("a:1111") } });
  folder.write("broken.json", "{");
  assert.equal(await findCredential(source, "h.io"), "a:1111");
  folder.write("1.json", { auths: { "h.io": entry("b:2222") } });
  assert.equal(await findCredential(source, "h.io"), "a:1111");
});

Deno.test("FileCredentials.find fails for an invalid file without showing its content", async () => {
  const invalid: [name: string, content: string | object][] = [
    ["invalid JSON", '{"auths": {"h.io": {"auth": "hunter2-hunter2"'],
    ["not an object", '"hunter2-hunter2"'],
    ["auths is not an object", { auths: "hunter2-hunter2" }],
    ["credsStore is not a string", { credsStore: { x: "hunter2-hunter2" } }],
    ["credHelpers has an object", { credHelpers: { "h.io": { x: "hunter2-hunter2" } } }],
    ["the entry is a number", { auths: { "h.io": 5 } }],
    ["the password is not a string", { auths: { "h.io": { password: ["hunter2-hunter2"] } } }],
    ["auth is not base64", { auths: { "h.io": { auth: "hunter2-hunter2" } } }],
    ["auth has no colon", { auths: { "h.io": entry("hunter2-hunter2") } }],
    ["registrytoken has a line break", {
      auths: { "h.io": { registrytoken: "hunter2\nhunter2" } },
    }],
    ["auth is not UTF-8", { auths: { "h.io": { auth: btoa("hunter2\xff:x") } } }],
  ];
  for (const [name, content] of invalid) {
    using folder = new CredentialFolder();
    const path = folder.write("config.json", content);
    const error = await failureOf(folder.credentials("config.json").find("h.io", "x"));
    assert.equal(error.code, "LDR_CONFIG", name);
    assert.equal(error.exitCode, 2);
    assert(error.message.includes(path), error.message);
    const shown = Deno.inspect(error, { depth: 9 });
    assert(!shown.includes("hunter2") && !shown.includes(btoa("hunter2").slice(0, 8)), shown);
  }
});

Deno.test("FileCredentials.find names a file that cannot be read", async () => {
  using folder = new CredentialFolder();
  Deno.symlinkSync("config.json", folder.path("config.json")); // A link to itself.
  const error = await failureOf(folder.credentials("config.json").find("h.io"));
  assert.equal(error.code, "LDR_CONFIG");
  assert(error.message.includes(folder.path("config.json")), error.message);
});
