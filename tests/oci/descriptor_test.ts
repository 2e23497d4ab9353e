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

Deno.test("DescriptorSchema accepts a descriptor and drops unknown members", () => {
  const result = read({ ...DESCRIPTOR, urls: ["https://x/y"], data: "YWJj", newer: { a: 1 } });
  assert.deepEqual(result.output, { ...DESCRIPTOR, urls: ["https://x/y"], data: "YWJj" });
});

for (const member of ["urls", "annotations", "data", "artifactType"]) {
  Deno.test(`DescriptorSchema accepts a missing or null ${member}`, () => {
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
  ["a media type that is a number", { ...DESCRIPTOR, mediaType: 1 }],
  ["no digest", { ...DESCRIPTOR, digest: undefined }],
  ["a digest that is a path", { ...DESCRIPTOR, digest: "../../etc/passwd" }],
  ["a digest in capitals", { ...DESCRIPTOR, digest: DIGEST.toUpperCase() }],
  ["no size", { ...DESCRIPTOR, size: undefined }],
  ["a negative size", { ...DESCRIPTOR, size: -1 }],
  ["a fractional size", { ...DESCRIPTOR, size: 1.5 }],
  ["a size past the safe integers", { ...DESCRIPTOR, size: 2 ** 53 }],
  ["a size in quotes", { ...DESCRIPTOR, size: "3" }],
  ["an infinite size", { ...DESCRIPTOR, size: Infinity }],
  ["URLs that are not a list", { ...DESCRIPTOR, urls: "https://x" }],
  ["a URL that is not a string", { ...DESCRIPTOR, urls: [1] }],
  ["annotations that are not an object", { ...DESCRIPTOR, annotations: "a=b" }],
  ["an annotation that is not a string", { ...DESCRIPTOR, annotations: { a: 1 } }],
  ["data that is not a string", { ...DESCRIPTOR, data: [1] }],
];

for (const [name, value] of BAD) {
  Deno.test(`DescriptorSchema rejects ${name}`, () => assert.equal(read(value).success, false));
}

Deno.test("DescriptorSchema reads a missing or null media type as an empty one", () => {
  for (const mediaType of [undefined, null, ""]) {
    assert.equal(v.parse(DescriptorSchema, { ...DESCRIPTOR, mediaType }).mediaType, "");
  }
});

Deno.test("DescriptorSchema drops annotations that are null", () => {
  const { annotations } = v.parse(DescriptorSchema, {
    ...DESCRIPTOR,
    annotations: { a: null, b: "c" },
  });
  assert.deepEqual(annotations, { b: "c" });
});

const PLATFORMS: [string, unknown, unknown][] = [
  ["no os", { architecture: "amd64" }, undefined],
  ["no architecture", { os: "linux" }, undefined],
  ["empty members", { os: "", architecture: "", variant: "" }, undefined],
  ["null members", { os: null, architecture: null }, undefined],
  ["no members", {}, undefined],
  ["null", null, undefined],
  ["all members", { os: "linux", architecture: "arm", variant: "v7" }, {
    os: "linux",
    architecture: "arm",
    variant: "v7",
  }],
];

for (const [name, platform, expected] of PLATFORMS) {
  Deno.test(`PlatformDescriptorSchema accepts a platform with ${name}`, () => {
    const entry = v.parse(PlatformDescriptorSchema, { ...DESCRIPTOR, platform });
    assert.deepEqual(entry.platform && { ...entry.platform }, expected);
  });
}

Deno.test("DescriptorSchema accepts sizes from 0 to the largest safe integer", () => {
  for (const size of [0, Number.MAX_SAFE_INTEGER]) {
    assert.equal(read({ ...DESCRIPTOR, size }).success, true);
  }
});

Deno.test("PlatformDescriptorSchema accepts a platform or none, and drops an empty variant", () => {
  const platformOf = (platform: unknown) =>
    v.parse(PlatformDescriptorSchema, { ...DESCRIPTOR, platform }).platform;
  assert.equal(platformOf(undefined), undefined);
  assert.equal(platformOf(null), undefined);
  assert.deepEqual(platformOf({ os: "linux", architecture: "arm", variant: "" }), {
    os: "linux",
    architecture: "arm",
    variant: undefined,
  });
  for (const platform of ["linux/amd64", { os: 1, architecture: "arm" }]) {
    assert.throws(() => platformOf(platform));
  }
});

Deno.test("DescriptorSchema accepts annotations with the names of JavaScript's own members", () => {
  const annotations = JSON.parse('{"constructor": "a", "toString": "b", "__proto__": "c"}');
  const result = read({ ...DESCRIPTOR, annotations });
  assert.equal(result.success, true);
  assert.equal(Object.getPrototypeOf({}).constructor, Object);
});

Deno.test("DigestSchema accepts only the grammar of a digest", () => {
  assert.equal(v.is(DigestSchema, DIGEST), true);
  assert.equal(v.is(DigestSchema, `${DIGEST} `), false);
});

Deno.test("maybe keeps a value and turns null into undefined", () => {
  const schema = maybe(v.string());
  assert.deepEqual(["x", "", null, undefined].map((value) => v.parse(schema, value)), [
    "x",
    "",
    undefined,
    undefined,
  ]);
});
