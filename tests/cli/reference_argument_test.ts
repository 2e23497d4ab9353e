import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { readEntryName, readName, readReference } from "../../src/cli/reference_argument.ts";
import { formatReference, parseReference } from "../../src/oci/reference.ts";
import { larder } from "../support/cli/in_process.ts";
import { TemporaryFolder } from "../support/temporary.ts";

/** A reference as it is typed, and in full. */
const REFERENCES: [string, string][] = [
  ["nginx", "docker.io/library/nginx:latest"],
  ["docker://nginx", "docker.io/library/nginx:latest"],
  ["oci://nginx:1.27", "docker.io/library/nginx:1.27"],
  ["docker://ghcr.io/owner/app:v1", "ghcr.io/owner/app:v1"],
  ["oci://localhost:5000/app", "localhost:5000/app:latest"],
  ["DOCKER://ghcr.io/owner/app", "ghcr.io/owner/app:latest"],
  [
    `docker://ghcr.io/a/b@sha256:${"0".repeat(64)}`,
    `ghcr.io/a/b@sha256:${"0".repeat(64)}`,
  ],
  ["docker://app.wasm", "docker.io/library/app.wasm:latest"],
  ["docker://ghcr.io/owner/spin.toml", "ghcr.io/owner/spin.toml:latest"],
  ["docker-archive", "docker.io/library/docker-archive:latest"],
];

for (const [text, expected] of REFERENCES) {
  Deno.test(`readReference reads ${text} as ${expected}`, () => {
    assert.equal(formatReference(parseReference(readReference(text))), expected);
  });
}

for (const text of ["./spin.toml", "spin.toml", "/abs/app.wasm", "C:\\app.wasm", "../x"]) {
  Deno.test(`readReference leaves the path ${text} as it is`, () => {
    assert.equal(readReference(text), text);
  });
}

/** A reference that is none, what is said of it, and the hint. */
const BAD: [string, RegExp, RegExp][] = [
  ["docker://", /the name is missing/, /^write docker:\/\/nginx or docker:\/\/ghcr\.io/],
  ["oci://", /the name is missing/, /^write oci:\/\/nginx/],
  ["http://ghcr.io/a/b", /begins with "http:\/\/", but/, /^leave out http:\/\/; --insecure/],
  ["https://ghcr.io/a/b", /begins with "https:\/\/", but/, /^leave out https:\/\//],
  ["docker://https://ghcr.io/a/b", /begins with "https:\/\/", but/, /^leave out https:\/\//],
  ["docker://docker://nginx", /begins with "docker:\/\/", but/, /registries only/],
  ["docker-archive:image.tar", /begins with "docker-archive:", but/, /registries only/],
  ["docker-archive:/tmp/image.tar:tag", /begins with "docker-archive:", but/, /registries only/],
  ["docker-daemon:nginx:latest", /docker-daemon:/, /registries only/],
  ["oci-archive:image.tar", /oci-archive:/, /registries only/],
  ["containers-storage:nginx", /containers-storage:/, /registries only/],
  ["oras://ghcr.io/a/b", /oras:\/\//, /registries only/],
  ["file:///app.wasm", /file:\/\//, /registries only/],
  ["docker://./spin.toml", /"\.\/spin\.toml" is a path/, /^write \.\/spin\.toml for the file/],
  ["oci:///srv/layout", /"\/srv\/layout" is a path/, /^write \/srv\/layout for the file/],
];

for (const [text, message, hint] of BAD) {
  Deno.test(`readReference rejects ${text}`, () => {
    assert.throws(() => readReference(text), (error) => {
      assert.ok(hasCode(error, "LDR_BAD_REFERENCE"));
      assert.match(error.message, /^bad reference "/);
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      return true;
    });
  });
}

/** The name of an entry as it is typed, and as it is looked up. */
const NAMES: [string, string][] = [
  ["docker://nginx", "nginx"],
  ["oci://ghcr.io/acme/*", "ghcr.io/acme/*"],
  ["https://deb.example/hello/1.0/amd64", "https://deb.example/hello/1.0/amd64"],
  ["sha256:91e8", "sha256:91e8"],
];

for (const [text, expected] of NAMES) {
  Deno.test(`readName reads ${text} as ${expected}`, () => assert.equal(readName(text), expected));
}

/** Commands that take references, as their arguments before the reference. */
const VERBS = [
  ["pull"],
  ["pull", "nginx"],
  ["run"],
  ["info"],
  ["why"],
  ["clean", "x"],
  ["pin"],
  [
    "unpin",
  ],
  ["outdated"],
  ["update"],
  ["verify"],
];

for (const args of VERBS) {
  Deno.test(`larder ${args.join(" ")} docker:// is wrong usage, before anything is done`, async () => {
    using home = new TemporaryFolder();
    const { code, stdout, stderr } = await larder(home.path, ...args, "docker://");
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^error: bad reference "docker:\/\/": .* \[LDR_BAD_REFERENCE\]\nhint: /);
    assert.deepEqual([...Deno.readDirSync(home.path)], []);
  });
}

Deno.test("readEntryName removes the transport, and the server on this machine of what was pushed", () => {
  const cases: [string, string][] = [
    ["localhost:5000/local/app:v1", "local/app:v1"],
    ["docker://127.0.0.1:41234/local/app", "local/app"],
    ["[::1]:5000/local/*", "local/*"],
    ["localhost:5000/app", "localhost:5000/app"],
    ["localhost/local/app", "localhost/local/app"],
    ["ghcr.io/local/app", "ghcr.io/local/app"],
    ["ghcr.io:443/local/app", "ghcr.io:443/local/app"],
  ];
  for (const [typed, name] of cases) assert.equal(readEntryName(typed), name);
});
