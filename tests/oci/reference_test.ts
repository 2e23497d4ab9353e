import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../src/base/errors.ts";
import { parseDigest } from "../../src/oci/digest.ts";
import {
  canonicalRegistry,
  formatReference,
  parseReference,
  parseRegistry,
  type Reference,
  repositoryName,
} from "../../src/oci/reference.ts";

const SHA256 = `sha256:${"0a".repeat(32)}`;
const SHA512 = `sha512:${"0b".repeat(64)}`;

const GOOD: [string, string][] = [
  ["nginx", "docker.io/library/nginx:latest"],
  ["nginx:1.27", "docker.io/library/nginx:1.27"],
  ["nginx:5000", "docker.io/library/nginx:5000"],
  ["me/app", "docker.io/me/app:latest"],
  ["local/app:v1", "local/app:v1"],
  ["local/a/b", "local/a/b:latest"],
  [`local/app@${SHA256}`, `local/app@${SHA256}`],
  ["docker.io/local/app", "docker.io/local/app:latest"],
  ["local", "docker.io/library/local:latest"],
  ["docker.io/nginx", "docker.io/library/nginx:latest"],
  ["docker.io/library/nginx", "docker.io/library/nginx:latest"],
  ["index.docker.io/nginx:1", "docker.io/library/nginx:1"],
  ["registry-1.docker.io/me/app", "docker.io/me/app:latest"],
  ["DOCKER.IO/nginx", "docker.io/library/nginx:latest"],
  ["docker.io:443/nginx", "docker.io:443/nginx:latest"],
  ["ghcr.io/owner/app:v1", "ghcr.io/owner/app:v1"],
  ["GHCR.io/owner/app:V1", "ghcr.io/owner/app:V1"],
  ["ghcr.io/app", "ghcr.io/app:latest"],
  ["ghcr.io", "docker.io/library/ghcr.io:latest"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost:5000/x", "localhost:5000/x:latest"],
  ["localhost:5000/x:y", "localhost:5000/x:y"],
  ["registry:5000/a/b/c/d", "registry:5000/a/b/c/d:latest"],
  ["127.0.0.1:5000/x", "127.0.0.1:5000/x:latest"],
  ["[::1]:5000/x:t", "[::1]:5000/x:t"],
  ["[FE80::1]/x", "[fe80::1]/x:latest"],
  [`nginx@${SHA256}`, `docker.io/library/nginx@${SHA256}`],
  [`nginx@${SHA512}`, `docker.io/library/nginx@${SHA512}`],
  [`ghcr.io/a/b:v1@${SHA256}`, `ghcr.io/a/b:v1@${SHA256}`],
  [`localhost:5000/x@${SHA256}`, `localhost:5000/x@${SHA256}`],
  ["a.b/c.d/e_f/g__h/i-j/k---l", "a.b/c.d/e_f/g__h/i-j/k---l:latest"],
  ["0/1", "docker.io/0/1:latest"],
  ["a/b:_", "docker.io/a/b:_"],
  [`a/b:${"t".repeat(128)}`, `docker.io/a/b:${"t".repeat(128)}`],
  ["xn--bcher-kva.example/x", "xn--bcher-kva.example/x:latest"],
  [`r.io/${"a".repeat(255)}`, `r.io/${"a".repeat(255)}:latest`],
  [`${"a".repeat(247)}:v1`, `docker.io/library/${"a".repeat(247)}:v1`],
  ["r.io:65535/x", "r.io:65535/x:latest"],
  ["r.io:1/x", "r.io:1/x:latest"],
];

for (const [text, full] of GOOD) {
  Deno.test(`parseReference accepts ${text.slice(0, 60)}`, () => {
    assert.equal(formatReference(parseReference(text)), full);
  });
}

const BAD: [string, string, RegExp][] = [
  ["an empty text", "", /is empty/],
  ["white space", "ngi nx", /white space/],
  ["a newline at the end", "nginx\n", /white space/],
  ["a scheme", "https://ghcr.io/a/b", /begins with "https:\/\/"/],
  ["the scheme oci", "oci://ghcr.io/a/b", /no scheme/],
  ["a tag alone", ":v1", /the repository is missing$/],
  ["an empty tag", "nginx:", /nothing follows the colon/],
  ["a tag with a slash before", "a/b:/c", /repository|registry/],
  ["a tag that begins with a dot", "nginx:.x", /the tag "\.x"/],
  ["a tag that begins with a dash", "nginx:-x", /the tag "-x"/],
  ["a tag of two dots", "nginx:..", /the tag "\.\."/],
  ["a tag that is too long", `nginx:${"t".repeat(129)}`, /the tag/],
  ["two tags", "nginx:a:b", /bad component "nginx:a"/],
  ["a tag in another script", "nginx:é", /the tag/],
  ["an empty digest", "nginx@", /nothing follows the @/],
  ["a digest that is too short", "nginx@sha256:abc", /64 lower-case/],
  ["an unsupported algorithm", `nginx@md5:${"a".repeat(32)}`, /"md5"/],
  ["two digests", `nginx@${SHA256}@${SHA256}`, /bad digest/],
  ["a digest without a repository", `@${SHA256}`, /repository is missing/],
  ["a user name", `me@ghcr.io/a/b`, /bad digest/],
  ["a repository in capitals", "ghcr.io/Owner/app", /upper-case letters in "Owner"/],
  ["two dots", "ghcr.io/../app", /bad component "\.\."/],
  ["two dots at the end", "ghcr.io/app/..", /bad component "\.\."/],
  ["two dots inside", "ghcr.io/a..b", /bad component "a\.\.b"/],
  ["a dot alone", "ghcr.io/./app", /bad component "\."/],
  ["two dots in front", "../app", /it is a path/],
  ["a path", "./app", /it is a path/],
  ["an absolute path", "/etc/passwd", /it is a path/],
  ["a home folder", "~/app", /bad component "~"/],
  ["an empty component", "ghcr.io/a//b", /empty component/],
  ["a slash at the end", "ghcr.io/a/", /empty component/],
  ["a registry alone", "ghcr.io/", /repository is missing/],
  ["a registry and port alone", "localhost:5000", /repository is missing after "localhost:5000"/],
  ["a registry and tag alone", "localhost:5000:tag", /repository is missing/],
  ["a host and port alone", "ghcr.io:443", /repository is missing/],
  ["an address alone", "[::1]:5000", /repository is missing/],
  ["a backslash", "ghcr.io/a\\b", /bad component/],
  ["a NUL", "ghcr.io/a\0b", /bad component/],
  ["a percent sign", "ghcr.io/%2e%2e/app", /bad component "%2e%2e"/],
  ["a question mark", "ghcr.io/a?x=1", /bad component/],
  ["a fragment", "ghcr.io/a#b", /bad component/],
  ["three underscores", "ghcr.io/a___b", /bad component/],
  ["a separator at an end", "ghcr.io/a-", /bad component/],
  ["a host that begins with a dash", "-ghcr.io/a", /not a host/],
  ["an empty label", "ghcr..io/a", /not a host/],
  ["an underscore in a host", "my_reg.io/a", /not a host/],
  ["a host in another script", "bücher.example/a", /not a host/],
  ["port 0", "ghcr.io:0/a", /port "0"/],
  ["a port out of range", "ghcr.io:65536/a", /port "65536"/],
  ["a port of letters", "ghcr.io:http/a", /not a host/],
  ["an empty port", "ghcr.io:/a", /not a host/],
  ["an invalid address", "[:]/a", /not a host/],
  ["too many colons", "[1:2:3:4:5:6:7:8:9]/a", /not a host/],
  ["an open bracket", "[::1/a", /not a host/],
  ["a number that URLs read as an address", "0x7f.1/a", /not a host/],
  ["half an address", "127.1/a", /not a host/],
  ["an address out of range", "1.2.3.256/a", /not a host/],
  ["five numbers", "1.2.3.4.5/a", /not a host/],
  ["a broken punycode label", "xn--a.b/a", /not a host/],
  ["a repository that is too long", `r.io/${"a".repeat(256)}`, /longer than 255/],
  ["a short name that library/ makes too long", "a".repeat(248), /longer than 255/],
  ["a digest alone", SHA256, /digest without a repository/],
  ["a long digest alone", SHA512, /digest without a repository/],
  ["an image ID", "0a".repeat(32), /digest without a repository/],
];

for (const [name, text, reason] of BAD) {
  Deno.test(`parseReference rejects ${name}`, () => {
    assert.throws(
      () => parseReference(text),
      (error) => hasCode(error, "LDR_BAD_REFERENCE") && reason.test(error.message),
    );
  });
}

/** Reference, and its full form. Source: the tests of distribution/reference and go-containerregistry's `name`. */
const PEERS_GOOD: [string, string][] = [
  ["test_com", "docker.io/library/test_com:latest"],
  ["test_com/foo", "docker.io/test_com/foo:latest"],
  ["test.com:tag", "docker.io/library/test.com:tag"],
  ["test.com/repo:tag", "test.com/repo:tag"],
  ["test:5000/repo", "test:5000/repo:latest"],
  [`test:5000/repo:tag@${SHA256}`, `test:5000/repo:tag@${SHA256}`],
  ["test-com:8080/foo", "test-com:8080/foo:latest"],
  ["lowercase:Uppercase", "docker.io/library/lowercase:Uppercase"],
  ["sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com/bar/baz/quux:some-long-tag"],
  [
    "b.gcr.io/test.example.com/my-app:test.example.com",
    "b.gcr.io/test.example.com/my-app:test.example.com",
  ],
  ["xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com/myimage:xn--n3h.com"],
  [`xn--7o8h.com/myimage@${SHA512}`, `xn--7o8h.com/myimage@${SHA512}`],
  ["foo/foo_bar.com:8080", "docker.io/foo/foo_bar.com:8080"],
  ["192.168.1.1", "docker.io/library/192.168.1.1:latest"],
  ["192.168.1.1:tag", "docker.io/library/192.168.1.1:tag"],
  ["192.168.1.1:5000/repo:5050", "192.168.1.1:5000/repo:5050"],
  ["192.168.0.1:8/debian", "192.168.0.1:8/debian:latest"],
  ["[2001:db8::1]:5000/repo:tag", "[2001:db8::1]:5000/repo:tag"],
  ["[2001:db8:1:2:3:4:5:6]/repo:tag", "[2001:db8:1:2:3:4:5:6]/repo:tag"],
  ["[2001:db8::]:5000/repo", "[2001:db8::]:5000/repo:latest"],
  ["index.docker.io/library/debian", "docker.io/library/debian:latest"],
  ["library/foo/bar", "docker.io/library/foo/bar:latest"],
  ["docker.io/library/foo/bar", "docker.io/library/foo/bar:latest"],
  ["docker---rules/docker", "docker.io/docker---rules/docker:latest"],
  ["dock__er/docker", "docker.io/dock__er/docker:latest"],
  ["d/docker", "docker.io/d/docker:latest"],
  [
    "thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev",
    "docker.io/library/thisisthesongthatneverendsitgoesonandonandonthisisthesongthatnev:latest",
  ],
  [`docker.io/${"0a".repeat(32)}`, `docker.io/library/${"0a".repeat(32)}:latest`],
  ["0a".repeat(31), `docker.io/library/${"0a".repeat(31)}:latest`],
  ["dbcc1", "docker.io/library/dbcc1:latest"],
  [
    "gcr.io/project-id/image:w1th-alpha_num3ric.PLUScaps",
    "gcr.io/project-id/image:w1th-alpha_num3ric.PLUScaps",
  ],
  ["www.example.test:12345/repo/path", "www.example.test:12345/repo/path:latest"],
  [`nginx:latest@${SHA256}`, `docker.io/library/nginx:latest@${SHA256}`],
];

for (const [text, full] of PEERS_GOOD) {
  Deno.test(`parseReference reads ${text.slice(0, 60)} as Docker and crane do`, () => {
    assert.equal(formatReference(parseReference(text)), full);
  });
}

const PEERS_BAD = [
  ":justtag",
  "repo@sha256:ffffffffffffffffffffffffffffffffff",
  `validname@invaliddigest:${"f".repeat(64)}`,
  "Uppercase:tag",
  "test:5000/Uppercase/lowercase:tag",
  `${"a/".repeat(128)}a:tag`,
  "aa/asdf$$^/aa",
  "[2001:db8::1]",
  "[2001:db8::1]:5000",
  "[2001:db8::1]:tag",
  "[fe80::1%eth0]:5000/repo",
  "[fe80::1%@invalidzone]:5000/repo",
  "fc00::1:5000/debian",
  "https://github.com/docker/docker",
  "docker/Docker",
  "-docker/docker",
  "docker-/docker",
  "docker///docker",
  "____/____",
  "_docker/_docker",
  "dock..er/docker",
  "dock_.er/docker",
  "dock-.er/docker",
  "docker/",
  "gcr.io/project-id/bad_chars:c@n'tuse",
  "gcr.io/project-id/unknown-alg@unknown:abc123",
  "gcr.io/project-id/missing-digest@",
  "gcr?com/app",
  // Accepted by Docker, and deliberately not by larder: docs/references.md says why.
  "Docker/docker",
  "FOO/bar",
  "192.168.1.1:5000",
  "test.com:5000",
  "foo_bar.com:8080",
];

for (const text of PEERS_BAD) {
  Deno.test(`parseReference rejects ${text.slice(0, 60)}`, () => {
    assert.throws(() => parseReference(text), (error) => hasCode(error, "LDR_BAD_REFERENCE"));
  });
}

Deno.test("parseReference adds no tag to a digest, and keeps one that is given", () => {
  assert.equal(parseReference(`nginx@${SHA256}`).tag, undefined);
  const both = parseReference(`nginx:1@${SHA256}`);
  assert.deepEqual([both.tag, both.digest], ["1", SHA256]);
});

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?$/);
const registry = fc.oneof(
  fc.constantFrom("docker.io", "localhost", "[::1]", "[fe80::1:2]:5000", "127.0.0.1:80"),
  fc.tuple(
    fc.array(label, { minLength: 1, maxLength: 3 }),
    fc.option(fc.integer({ min: 1, max: 65535 })),
  )
    .map(([labels, port]) => [...labels, "io"].join(".") + (port === null ? "" : `:${port}`))
    .filter((text) => !text.includes("xn--")),
);
const component = fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}$/);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/);
const digest = fc.constantFrom(SHA256, SHA512).map(parseDigest);
const reference: fc.Arbitrary<Reference> = fc.record({
  registry,
  repository: fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join("/")),
  tag: fc.option(tag, { nil: undefined }),
  digest: fc.option(digest, { nil: undefined }),
}, { noNullPrototype: true }).filter(({ tag, digest }) =>
  tag !== undefined || digest !== undefined
);

Deno.test("parseReference reverses formatReference", () => {
  fc.assert(fc.property(reference, (reference) => {
    assert.deepEqual(parseReference(formatReference(reference)), reference);
  }));
});

/** Texts that resemble references, with characters that are special in a path or URL. */
const nearly = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."abAB01./:@-_[]\\%?#~ \0\n", "..", "//", "é", "xn--", "0x"),
    fc.constantFrom("localhost", "docker.io", SHA256),
  ),
  maxLength: 16,
});

Deno.test("parseReference accepts only names that are safe in a path and unchanged in a URL", () => {
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string()), (text) => {
      let parsed: Reference;
      try {
        parsed = parseReference(text);
      } catch (error) {
        assert.ok(hasCode(error, "LDR_BAD_REFERENCE"), String(error));
        return;
      }
      const parts = [parsed.registry, ...parsed.repository.split("/"), parsed.tag ?? "tag"];
      for (const part of parts) {
        assert.doesNotMatch(part, /[\/\\\0\s%?#]|^\.*$/);
      }
      const url = new URL(`https://${parsed.registry}/v2/${parsed.repository}/manifests/x`);
      assert.equal(url.pathname, `/v2/${parsed.repository}/manifests/x`);
      assert.equal(url.username + url.password + url.search + url.hash, "");
      const host = parsed.registry.replace(/:\d+$/, "");
      if (!host.startsWith("[")) assert.equal(url.hostname, host);
      assert.deepEqual(parseReference(formatReference(parsed)), parsed);
    }),
    { numRuns: 2000 },
  );
});

const REGISTRIES: [string, string][] = [
  ["ghcr.io", "ghcr.io"],
  ["GHCR.IO", "ghcr.io"],
  ["https://ghcr.io", "ghcr.io"],
  ["http://localhost:5000/", "localhost:5000"],
  ["https://ghcr.io/v2/", "ghcr.io"],
  ["https://index.docker.io/v1/", "docker.io"],
  ["registry-1.docker.io", "docker.io"],
  ["docker.io", "docker.io"],
  ["registry", "registry"],
  ["[::1]:5000", "[::1]:5000"],
];

for (const [text, name] of REGISTRIES) {
  Deno.test(`parseRegistry("${text}") is ${name}`, () => assert.equal(parseRegistry(text), name));
}

/** Source: the tests of go-containerregistry's `name`. */
const PEERS_REGISTRIES: [string, string][] = [
  ["gcr.io:9001", "gcr.io:9001"],
  ["us.gcr.io", "us.gcr.io"],
  ["example.text", "example.text"],
  ["localhost", "localhost"],
  ["localhost:9090", "localhost:9090"],
  ["10.2.3.4:5000", "10.2.3.4:5000"],
  ["my127.0.0.1registry.io", "my127.0.0.1registry.io"],
  ["[2001:db8::1]:5000", "[2001:db8::1]:5000"],
];

for (const [text, name] of PEERS_REGISTRIES) {
  Deno.test(`parseRegistry("${text}") is ${name} as in crane`, () => {
    assert.equal(parseRegistry(text), name);
  });
}

const NO_REGISTRIES = [
  "",
  " ",
  "https://",
  "ghcr.io/owner",
  "ghcr.io:0",
  "ghcr.io:99999",
  "me@ghcr.io",
  "https://me:pw@ghcr.io",
  "ftp://ghcr.io",
  "ghcr.io?x",
  "../x",
  "[:]",
  "1.2.3.4.5",
  "ghcr.io\n",
  "white space",
  "gcr?com",
  "10.256.0.0:5000",
];

for (const text of NO_REGISTRIES) {
  Deno.test(`parseRegistry rejects ${Deno.inspect(text)}`, () => {
    assert.throws(() => parseRegistry(text), (error) => hasCode(error, "LDR_BAD_REFERENCE"));
  });
}

Deno.test("canonicalRegistry has one name for Docker Hub", () => {
  assert.deepEqual(
    ["docker.io", "index.docker.io", "Registry-1.Docker.io", "hub.docker.com"].map(
      canonicalRegistry,
    ),
    ["docker.io", "docker.io", "docker.io", "hub.docker.com"],
  );
});

Deno.test("repositoryName has neither tag nor digest", () => {
  assert.equal(repositoryName(parseReference(`nginx:1@${SHA256}`)), "docker.io/library/nginx");
});
