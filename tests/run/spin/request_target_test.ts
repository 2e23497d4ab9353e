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
  ["http://[::1]:80/a", "[::1]:80", "/a"],
];

for (const [url, authority, path, query = ""] of TARGETS) {
  Deno.test(`targetOf splits ${url}`, () => {
    assert.deepEqual(targetOf(url), { authority, path, query });
  });
}
