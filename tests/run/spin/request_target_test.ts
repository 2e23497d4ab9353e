import assert from "node:assert/strict";
import { targetOf } from "../../../src/run/spin/request_target.ts";

const TARGETS: [url: string, authority: string, path: string, query?: string][] = [
  ["http://localhost:3000/", "localhost:3000", "/"],
  ["http://localhost/a/../b", "localhost", "/a/../b"],
  ["http://localhost/a/%2e%2e/b%2Fc", "localhost", "/a/%2e%2e/b%2Fc"],
  ["http://localhost//a//", "localhost", "//a//"],
  ['http://localhost/a"b|c{}\\d', "localhost", '/a"b|c{}\\d'],
  ["http://localhost/a?b=/c?d", "localhost", "/a", "?b=/c?d"],
  ["http://localhost/a?", "localhost", "/a", "?"],
  ["http://localhost/a?b#c?d", "localhost", "/a", "?b"],
  ["http://localhost/a#b?c", "localhost", "/a"],
  ["http://localhost/é?ü", "localhost", "/%C3%A9", "?%C3%BC"],
  ["http://localhost/*", "localhost", "/*"],
  ["http://localhost:80", "localhost:80", "/"],
  ["http://localhost?a=/b", "localhost", "/", "?a=/b"],
  ["http:///a", "", "/a"],
  ["HTTP://Example.test/A", "Example.test", "/A"],
  ["https://example.test:8443?x", "example.test:8443", "/", "?x"],
  ["http://[::1]:80/a", "[::1]:80", "/a"],
];

for (const [url, authority, path, query = ""] of TARGETS) {
  Deno.test(`targetOf splits ${url}`, () => {
    assert.deepEqual(targetOf(url, null), { authority, path, query });
  });
}

for (
  const [what, url, host] of [
    ["a host with a path", "http://a/b", "a/b"],
    ["a host with a query", "http://a?b", "a?b"],
    ["a host with a user name", "http://u@a/b", "u@a"],
    ["a host with a space", "http://a/b", "a b"],
    ["two hosts", "http://a/", "a, b"],
    ["a port that is no number", "http://a/", "a:b"],
    ["an absolute target with a user name", "http://u:p@a/", "a"],
    ["an absolute target of another scheme", "ftp://a/", "a"],
    ["an absolute target with an invalid host beside it", "http://a/", "a/"],
    ["nothing that is a URL", "a:80", "a:80"],
  ] as const
) {
  Deno.test(`targetOf refuses ${what}`, () => assert.equal(targetOf(url, host), undefined));
}

for (const host of ["", "a", "a:", "a:80", "[::1]", "[::1]:80", "a_b.c~d%20", "127.0.0.1:1"]) {
  Deno.test(`targetOf accepts the host "${host}"`, () => {
    assert.ok(targetOf("http://a/", host));
  });
}
