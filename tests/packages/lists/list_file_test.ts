import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { LarderError } from "../../../src/base/errors.ts";
import { parseListFile } from "../../../src/packages/lists/list_file.ts";
import { encode } from "../../support/packages/debian_mirror.ts";

const LOCAL = pathToFileURL("/lists/packages.yaml");
const REMOTE = new URL("https://example.com/lists/packages.yaml");

function parse(text: string, url = LOCAL) {
  return parseListFile({
    url,
    name: "packages.yaml",
    bytes: encode(text) as Uint8Array<ArrayBuffer>,
  });
}

function failureOf(text: string, url = LOCAL): LarderError {
  try {
    parse(text, url);
  } catch (error) {
    assert.ok(error instanceof LarderError, String(error));
    assert.deepEqual([error.code, error.exitCode], ["LDR_BAD_LIST", 2]);
    return error;
  }
  assert.fail(`it did not fail: ${text}`);
}

Deno.test("parseListFile reads packages and repositories, from YAML and from JSON", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const value = {
    packages: [
      "http://mirror/hello_1_amd64.deb",
      {
        url: "http://mirror/x.deb",
        digest,
        name: "x",
        version: "1.10",
        arch: "amd64",
        source: "s",
      },
    ],
    repositories: [
      {
        deb: "http://mirror/debian",
        suite: "trixie",
        components: ["main"],
        arch: "arm64",
        keyring: "keys.gpg",
        check_valid_until: false,
        packages: ["hello", "bash=5.2-1"],
      },
      { rpm: "http://mirror/repo/", packages: ["hello"] },
    ],
  };
  const expected = {
    packages: [
      { url: new URL("http://mirror/hello_1_amd64.deb") },
      { ...value.packages[1] as object, url: new URL("http://mirror/x.deb") },
    ],
    repositories: [
      {
        kind: "deb",
        url: new URL("http://mirror/debian/"),
        suite: "trixie",
        components: ["main"],
        arch: "arm64",
        keyring: "/lists/keys.gpg",
        checksValidUntil: false,
        packages: ["hello", "bash=5.2-1"],
      },
      {
        kind: "rpm",
        url: new URL("http://mirror/repo/"),
        arch: undefined,
        keyring: undefined,
        packages: ["hello"],
      },
    ],
  };
  assert.deepEqual(parse(JSON.stringify(value)), expected);
  const yaml = `
packages:
  - http://mirror/hello_1_amd64.deb
  - {url: "http://mirror/x.deb", digest: "${digest}", name: x, version: 1.10, arch: amd64, source: s}
repositories:
  - deb: http://mirror/debian # a comment
    suite: trixie
    components: [main]
    arch: arm64
    keyring: keys.gpg
    check_valid_until: false
    packages: &names [hello, bash=5.2-1]
  - {rpm: http://mirror/repo/, packages: [hello]}
`;
  assert.deepEqual(parse(yaml), expected);
  const aliased = parse(yaml.replace("packages: [hello]}", "packages: *names}"));
  assert.deepEqual(aliased.repositories[1]!.packages, ["hello", "bash=5.2-1"]);
});

Deno.test("parseListFile resolves relative paths and URLs against the list", () => {
  const [local] = parse("packages: [debs/a b#1.deb]").packages;
  assert.equal(local!.url.href, "file:///lists/debs/a%20b%231.deb");
  const [repository] = parse("repositories: [{rpm: ../repo, packages: [x]}]").repositories;
  assert.equal(repository!.url.href, "file:///repo/");
  const [remote] = parse("packages: [../debs/a.deb]", REMOTE).packages;
  assert.equal(remote!.url.href, "https://example.com/debs/a.deb");
  const keyed = parse("repositories: [{rpm: ., keyring: /etc/keys, packages: [x]}]", REMOTE);
  assert.equal(keyed.repositories[0]!.keyring, "/etc/keys");
});

Deno.test("parseListFile says what is wrong at which line", () => {
  const cases: [string, string, RegExp][] = [
    ["packages: [", "1:", /a bracket .* is missing/],
    ["", "1:1", /not a mapping/],
    ["- http://x/y.deb", "1:1", /not a mapping/],
    ["{}", "1:1", /names no packages/],
    ["packages: []", "1:1", /names no packages/],
    ["packages: http://x/y.deb", "1:11", /packages is a text or number, but a list is expected/],
    ["package:\n - x", "1:1", /unknown key "package"/],
    ["packages:\n - {uri: http://x/y}", "2:5", /unknown key "uri" in a package/],
    ["packages:\n - {digest: 'sha256:0'}", "2:4", /url is missing/],
    ["packages:\n - {url: 'http://x/y', digest: md5:00}", "2:32", /algorithm "md5" is not/],
    ["packages:\n - {url: 'http://x/y', digest: 'sha256:00'}", "2:32", /64 lower-case/],
    ["packages:\n - {url: 'http://x/y', name: [a]}", "2:30", /name is a list/],
    ["packages:\n - {url: 'http://x/y', name: ''}", "2:30", /name is empty/],
    ["packages:\n - {url: null}", "2:4", /url is missing/],
    ["packages:\n - ftp://x/y.deb", "2:4", /"ftp:\/\/x\/y.deb" is not a URL that can be fetched/],
    ["repositories:\n - {suite: x, packages: [x]}", "2:4", /needs either deb or rpm/],
    ["repositories:\n - {deb: http://x, rpm: http://x}", "2:4", /needs either deb or rpm/],
    ["repositories:\n - {deb: http://x, packages: [x]}", "2:4", /suite is missing/],
    ["repositories:\n - {rpm: http://x, packages: []}", "2:30", /packages is empty/],
    ["repositories:\n - {rpm: http://x}", "2:4", /packages is missing/],
    ["repositories:\n - {rpm: http://x, suite: s, packages: [x]}", "2:20", /unknown key "suite"/],
    [
      "repositories:\n - {deb: http://x, suite: s, packages: [{}]}",
      "2:41",
      /is a mapping, but a text is expected/,
    ],
    [
      "repositories:\n - {deb: http://x, suite: s, check_valid_until: no, packages: [x]}",
      "2:49",
      /neither true nor false/,
    ],
    ["packages: [x]\npackages: [y]", "2:1", /occurs twice/],
  ];
  for (const [text, place, expected] of cases) {
    const { message } = failureOf(text);
    assert.match(message, expected, text);
    assert.ok(message.startsWith(`bad list at packages.yaml:${place}`), message);
  }
  assert.equal(failureOf("packges: [x]").hint, "did you mean packages?");
});

Deno.test("parseListFile keeps a list from a server away from the files of this machine", () => {
  for (
    const text of [
      "packages: ['file:///etc/passwd']",
      "repositories: [{rpm: 'file:///srv', packages: [x]}]",
      "repositories: [{rpm: repo, keyring: keys.gpg, packages: [x]}]",
    ]
  ) {
    assert.match(
      failureOf(text, REMOTE).message,
      /cannot vouch for itself|cannot be fetched|can be fetched/,
    );
  }
});
