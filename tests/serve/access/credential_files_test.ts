import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { parseHtpasswd } from "../../../src/serve/access/htpasswd.ts";
import { parseTokens } from "../../../src/serve/access/token_file.ts";

const HASH = "$2y$05$" + "a".repeat(53);
const TOKEN = "0123456789abcdef";

const isConfig = (part: string) => (error: unknown) =>
  hasCode(error, "LDR_CONFIG") && error.message.includes(part);

Deno.test("parseHtpasswd reads users, comments and Windows line ends", () => {
  const users = parseHtpasswd(`# team\r\n\r\nann:${HASH}\r\nbob:${HASH}\n`, "f");
  assert.deepEqual([...users.keys()], ["ann", "bob"]);
});

const BAD_HTPASSWD: readonly (readonly [string, string])[] = [
  ["", "there is no user"],
  ["# ann\n", "there is no user"],
  ["ann", "line 1 is not USER:HASH"],
  [`:${HASH}`, "line 1 is not USER:HASH"],
  ["ann:$apr1$abc$def", "ann is MD5"],
  ["ann:{SHA}abc=", "ann is SHA-1"],
  ["ann:$5$abc", "ann is SHA-256"],
  ["ann:$6$abc", "ann is SHA-512"],
  ["ann:secret", "ann is plain text or crypt"],
  ["ann:$2y$05$short", "ann is a bcrypt hash that is damaged"],
  [`ann:$2y$15$${"a".repeat(53)}`, "cost 15"],
];

for (const [text, part] of BAD_HTPASSWD) {
  Deno.test(`parseHtpasswd rejects ${JSON.stringify(text)} and does not quote a password`, () => {
    assert.throws(() => parseHtpasswd(text, "users"), isConfig(part));
    assert.throws(
      () => parseHtpasswd(text, "users"),
      (error: Error) => !/secret/.test(error.message),
    );
  });
}

Deno.test("Tokens.has knows the tokens of the file, and only those", () => {
  const tokens = parseTokens(`# CI\n${TOKEN}\n\n  second-token-of-this  \n`, "f");
  assert.ok(tokens.has(TOKEN) && tokens.has("second-token-of-this"));
  for (const other of ["", "# CI", TOKEN.slice(1), `${TOKEN}0`, TOKEN.toUpperCase()]) {
    assert.ok(!tokens.has(other), other);
  }
});

const BAD_TOKENS: readonly (readonly [string, string])[] = [
  ["", "there is no token"],
  ["# only\n", "there is no token"],
  ["short", "line 1 has fewer than 16"],
  [`${TOKEN}\ntwo words of a line`, "line 2 is not one word"],
  [`${TOKEN}ü`, "line 1 is not one word"],
];

for (const [text, part] of BAD_TOKENS) {
  Deno.test(`parseTokens rejects ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseTokens(text, "tokens"), isConfig(part));
  });
}
