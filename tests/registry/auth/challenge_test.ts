import fc from "fast-check";
import assert from "node:assert/strict";
import { parseChallenges } from "../../../src/registry/auth/challenge.ts";

type Plain = [scheme: string, parameters: Record<string, string>];

function read(header: string): Plain[] {
  return parseChallenges(header).map((c) => [c.scheme, Object.fromEntries(c.parameters)]);
}

const CASES: [name: string, header: string, expected: Plain[]][] = [
  ["an empty header", "", []],
  ["only commas", " , ,, ", []],
  ["a scheme alone", "Negotiate", [["negotiate", {}]]],
  ["Basic", 'Basic realm="Registry Realm"', [["basic", { realm: "Registry Realm" }]]],
  [
    "Bearer as Docker Hub sends it",
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [["bearer", {
      realm: "https://auth.docker.io/token",
      service: "registry.docker.io",
      scope: "repository:a/b:pull,push",
    }]],
  ],
  ["names in any case", 'BASIC Realm="a", CharSet="UTF-8"', [
    ["basic", { realm: "a", charset: "UTF-8" }],
  ]],
  ["several in one header", 'Basic realm="a", Bearer realm="b", scope="c"', [
    ["basic", { realm: "a" }],
    ["bearer", { realm: "b", scope: "c" }],
  ]],
  ["a scheme alone before another", 'Negotiate, Basic realm="a"', [
    ["negotiate", {}],
    ["basic", { realm: "a" }],
  ]],
  ["token68 before another", 'Negotiate YWJj/+==, Basic realm="a"', [
    ["negotiate", {}],
    ["basic", { realm: "a" }],
  ]],
  [
    "the example of RFC 9110",
    'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
    [
      ["basic", { realm: "simple" }],
      ["newauth", { realm: "apps", type: "1", title: 'Login to "apps"' }],
    ],
  ],
  ["escapes, commas and equals signs in quotes", 'Bearer realm="a\\\\b, Basic realm=\\"x\\""', [
    ["bearer", { realm: 'a\\b, Basic realm="x"' }],
  ]],
  ["white space around everything", ' Basic  realm = "a" ,\t charset = x ', [
    ["basic", { realm: "a", charset: "x" }],
  ]],
  ["empty list members", ',Basic realm="a",,, service="s",', [
    ["basic", { realm: "a", service: "s" }],
  ]],
  ["a URL without quotes", "Bearer realm=https://a.test/token?x=1,service=s", [
    ["bearer", { realm: "https://a.test/token?x=1", service: "s" }],
  ]],
  ["the first of two parameters of a name", 'Basic realm="a", realm="b"', [
    ["basic", { realm: "a" }],
  ]],
  ["the challenges around an unclosed quote", 'Basic realm="b", Bearer realm="a, service=s', [
    ["basic", { realm: "b" }],
    ["bearer", { service: "s" }],
  ]],
  ["the challenge after malformed text", '"?", Basic realm="b"', [["basic", { realm: "b" }]]],
];

for (const [name, header, expected] of CASES) {
  Deno.test(`parseChallenges reads ${name}`, () => assert.deepEqual(read(header), expected));
}

Deno.test("parseChallenges reads several headers as one list", () => {
  const headers = new Headers();
  headers.append("www-authenticate", 'Bearer realm="a"');
  headers.append("www-authenticate", 'Basic realm="b"');
  assert.deepEqual(read(headers.get("www-authenticate")!), [
    ["bearer", { realm: "a" }],
    ["basic", { realm: "b" }],
  ]);
});

Deno.test("parseChallenges reads whatever follows the grammar", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
  const challenge = fc.tuple(name, fc.dictionary(name, fc.string(), { minKeys: 1, maxKeys: 4 }));
  fc.assert(fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
    const header = challenges.map(([scheme, parameters]) =>
      `${scheme} ` + Object.entries(parameters)
        .map(([key, value]) => `${key}="${value.replace(/["\\]/g, "\\$&")}"`).join(", ")
    ).join(", ");
    const expected = challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]);
    assert.deepEqual(read(header), expected);
  }));
});

Deno.test("parseChallenges neither throws nor hangs on any input", () => {
  const piece = fc.constantFrom("Basic", " ", ",", "=", '"', "\\", "realm", "a", "==", "\t", "é");
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
    for (const { scheme } of parseChallenges(pieces.join(""))) assert.notEqual(scheme, "");
  }));
});
