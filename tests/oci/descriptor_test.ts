import assert from "node:assert/strict";
import * as v from "valibot";
import {
  DescriptorSchema,
  DigestSchema,
  maybe,
  PlatformDescriptorSchema,
} from "../../src/oci/descriptor.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;
const DESCRIPTOR = { mediaType: "application/wasm", digest: DIGEST, size: 3 };

const read = (value: unknown) => v.safeParse(DescriptorSchema, value);

Deno.test("a descriptor is read, and members that larder has no use for are passed over", () => {
  const result = read({ ...DESCRIPTOR, urls: ["https://x/y"], data: "YWJj", newer: { a: 1 } });
  assert.deepEqual(result.output, { ...DESCRIPTOR, urls: ["https://x/y"], data: "YWJj" });
});

for (const member of ["urls", "annotations", "data", "artifactType"]) {
  Deno.test(`${member} may be left out or null`, () => {
    for (const value of [undefined, null]) {
      const result = read({ ...DESCRIPTOR, [member]: value });
      assert.equal(result.success, true);
      assert.equal((result.output as Record<string, unknown>)[member], undefined);
    }
  });
}

const BAD: [string, unknown][] = [
  ["null", null],
  ["an array", []],
  ["text", "descriptor"],
  ["no media type", { ...DESCRIPTOR, mediaType: undefined }],
  ["a media type that is null", { ...DESCRIPTOR, mediaType: null }],
  ["no digest", { ...DESCRIPTOR, digest: undefined }],
  ["a digest that is a path", { ...DESCRIPTOR, digest: "../../etc/passwd" }],
  ["a digest in capitals", { ...DESCRIPTOR, digest: DIGEST.toUpperCase() }],
  ["no size", { ...DESCRIPTOR, size: undefined }],
  ["a negative size", { ...DESCRIPTOR, size: -1 }],
  ["a size that is no whole number", { ...DESCRIPTOR, size: 1.5 }],
  ["a size past what numbers hold", { ...DESCRIPTOR, size: 2 ** 53 }],
  ["a size as text", { ...DESCRIPTOR, size: "3" }],
  ["an endless size", { ...DESCRIPTOR, size: Infinity }],
  ["URLs that are no list", { ...DESCRIPTOR, urls: "https://x" }],
  ["a URL that is no text", { ...DESCRIPTOR, urls: [1] }],
  ["annotations that are no map", { ...DESCRIPTOR, annotations: "a=b" }],
  ["an annotation that is no text", { ...DESCRIPTOR, annotations: { a: 1 } }],
  ["data that is no text", { ...DESCRIPTOR, data: [1] }],
];

for (const [name, value] of BAD) {
  Deno.test(`no descriptor: ${name}`, () => assert.equal(read(value).success, false));
}

Deno.test("sizes from nothing to the largest are read", () => {
  for (const size of [0, Number.MAX_SAFE_INTEGER]) {
    assert.equal(read({ ...DESCRIPTOR, size }).success, true);
  }
});

Deno.test("an index entry has a platform or none, and an empty variant is none", () => {
  const platformOf = (platform: unknown) =>
    v.parse(PlatformDescriptorSchema, { ...DESCRIPTOR, platform }).platform;
  assert.equal(platformOf(undefined), undefined);
  assert.equal(platformOf(null), undefined);
  assert.deepEqual(platformOf({ os: "linux", architecture: "arm", variant: "" }), {
    os: "linux",
    architecture: "arm",
    variant: undefined,
  });
  for (const platform of ["linux/amd64", {}, { os: "linux" }, { os: 1, architecture: "arm" }]) {
    assert.throws(() => platformOf(platform));
  }
});

Deno.test("annotations named as JavaScript's own members are plain annotations", () => {
  const annotations = JSON.parse('{"constructor": "a", "toString": "b", "__proto__": "c"}');
  const result = read({ ...DESCRIPTOR, annotations });
  assert.equal(result.success, true);
  assert.equal(Object.getPrototypeOf({}).constructor, Object);
});

Deno.test("a digest is read by its grammar", () => {
  assert.equal(v.is(DigestSchema, DIGEST), true);
  assert.equal(v.is(DigestSchema, `${DIGEST} `), false);
});

Deno.test("maybe passes a value on and makes undefined of null", () => {
  const schema = maybe(v.string());
  assert.deepEqual(["x", "", null, undefined].map((value) => v.parse(schema, value)), [
    "x",
    "",
    undefined,
    undefined,
  ]);
});
