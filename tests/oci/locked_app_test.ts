import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import { digestOf } from "../../src/oci/hash.ts";
import { fileDigests, parseLockedApp, wasmDigests } from "../../src/oci/locked_app.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const digest = (content: string) => digestOf(encode(content));

const APP = {
  spin_lock_version: 1,
  must_understand: ["host_requirements"],
  host_requirements: { local_service_chaining: "required" },
  metadata: { name: "shop", trigger: { type: "http" } },
  triggers: [{ id: "t", trigger_type: "http", trigger_config: { route: "/", component: "cart" } }],
  components: [
    {
      id: "cart",
      metadata: {},
      source: { content_type: "application/wasm", digest: digest("cart") },
      env: { A: "b" },
      files: [
        { digest: digest("logo"), path: "img/logo.png" },
        { inline: "aGk", digest: digest("hi"), path: "hi.txt" },
        { inline: [104, 105], digest: digest("bytes"), path: "bytes.txt" },
        { inline: "", digest: digest(""), path: "empty.txt" },
        { inline: null, digest: digest("null"), path: "null.txt" },
        { source: "file:///only/here", path: "no-digest.txt" },
      ],
      dependencies: {
        "a:b/c": {
          source: { content_type: "application/wasm", digest: digest("dependency") },
          export: null,
          inherit: { Some: [] },
        },
      },
    },
    {
      id: "tiny",
      source: { content_type: "application/wasm", inline: "AGFzbQ", digest: digest("tiny") },
      files: [{ digest: digest("logo"), path: "again.png" }],
    },
  ],
};

const parse = (document: unknown) =>
  parseLockedApp(encode(JSON.stringify(document)), "example/app");

Deno.test("fileDigests returns each file that is not inlined once", () => {
  assert.deepEqual(fileDigests(parse(APP)), [digest("logo"), digest("null")]);
});

Deno.test("wasmDigests returns the Wasm of components and dependencies, inlined or not", () => {
  assert.deepEqual(wasmDigests(parse(APP)), [
    digest("cart"),
    digest("dependency"),
    digest("tiny"),
  ]);
});

Deno.test("parseLockedApp keeps the paths at which components see files", () => {
  assert.deepEqual(
    parse(APP).components[0]?.files.map((file) => file.path),
    ["img/logo.png", "hi.txt", "bytes.txt", "empty.txt", "null.txt", "no-digest.txt"],
  );
});

const component = (members: unknown) => ({
  spin_lock_version: 0,
  components: [{ id: "c", source: {}, ...members as object }],
});

const BAD: [string, Uint8Array, RegExp][] = [
  ["text that is not JSON", encode("<html>"), /it is not JSON/],
  ["bytes that are not UTF-8", new Uint8Array([0x22, 0xff, 0x22]), /it is not JSON/],
  ["an image config", encode('{"architecture":"amd64"}'), /spin_lock_version/],
  ["an array", encode("[]"), /spin_lock_version/],
  ["null", encode("null"), /document/],
  ["a document without components", encode('{"spin_lock_version":1}'), /components/],
  [
    "a digest that is a path",
    encode(JSON.stringify(component({ files: [{ digest: "../../etc/passwd", path: "p" }] }))),
    /components\.0\.files\.0\.digest: not a sha256/,
  ],
  [
    "inlined content of another type",
    encode(JSON.stringify(component({ files: [{ inline: { a: 1 }, path: "p" }] }))),
    /components\.0\.files\.0\.inline/,
  ],
  [
    "inlined numbers that are not bytes",
    encode(JSON.stringify(component({ files: [{ inline: [256], path: "p" }] }))),
    /components\.0\.files\.0\.inline/,
  ],
  ["a component without a source", encode(JSON.stringify(component({ source: 1 }))), /source/],
];

for (const [name, bytes, reason] of BAD) {
  Deno.test(`parseLockedApp rejects ${name}`, () => {
    assert.throws(
      () => parseLockedApp(bytes, "example/app"),
      (error) =>
        hasCode(error, "LDR_BAD_MANIFEST") && reason.test(error.message) &&
        error.message.includes("example/app"),
    );
  });
}
