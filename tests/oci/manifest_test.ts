import assert from "node:assert/strict";
import { type ErrorCode, hasCode } from "../../src/base/errors.ts";
import { digestOf } from "../../src/oci/hash.ts";
import {
  type ArtifactKind,
  artifactKind,
  type ImageManifest,
  type Manifest,
  MAX_MANIFEST,
  parseManifest,
  spinApplicationLayer,
  successors,
} from "../../src/oci/manifest.ts";
import { SPIN_APPLICATION } from "../../src/oci/media_types.ts";
import { MEDIA_TYPES } from "../support/cache/artifacts.ts";

const { ociManifest, ociIndex, dockerManifest, dockerManifestList } = MEDIA_TYPES;
const encode = (text: string) => new TextEncoder().encode(text);
const bytesOf = (document: unknown) => encode(JSON.stringify(document));
const descriptor = (content: string, mediaType = "application/octet-stream") => ({
  mediaType,
  digest: digestOf(encode(content)) as string,
  size: content.length,
});

const IMAGE = {
  schemaVersion: 2,
  config: descriptor("config"),
  layers: [descriptor("one"), descriptor("two")],
};
const INDEX = {
  schemaVersion: 2,
  manifests: [{ ...descriptor("m", ociManifest), platform: { os: "linux", architecture: "arm" } }],
};

const parse = (document: unknown, contentType?: string | null): Manifest =>
  parseManifest(bytesOf(document), "example/app", contentType);

/** Name, document, the registry's Content-Type, and what it is then. */
const GOOD: [string, object, string | null, "image" | "index", string][] = [
  ["an OCI manifest", { ...IMAGE, mediaType: ociManifest }, ociManifest, "image", ociManifest],
  ["a Docker manifest", { ...IMAGE, mediaType: dockerManifest }, null, "image", dockerManifest],
  ["an OCI index", { ...INDEX, mediaType: ociIndex }, ociIndex, "index", ociIndex],
  [
    "a manifest list",
    { ...INDEX, mediaType: dockerManifestList },
    `${dockerManifestList}; charset=utf-8`,
    "index",
    dockerManifestList,
  ],
  ["a type that only the header has", IMAGE, dockerManifest, "image", dockerManifest],
  ["a type in capitals in the header", IMAGE, ociManifest.toUpperCase(), "image", ociManifest],
  ["a type that is null", { ...INDEX, mediaType: null }, ociIndex, "index", ociIndex],
  ["an image without a media type", IMAGE, null, "image", ociManifest],
  ["an index without a media type", INDEX, "application/json", "index", ociIndex],
  ["a header that says nothing", { ...IMAGE, mediaType: ociManifest }, "", "image", ociManifest],
  [
    "a header of a careless server",
    { ...IMAGE, mediaType: ociManifest },
    "text/plain",
    "image",
    ociManifest,
  ],
  ["no layers", { ...IMAGE, layers: [] }, null, "image", ociManifest],
  ["an empty index", { ...INDEX, manifests: [] }, null, "index", ociIndex],
  ["annotations that are null", { ...IMAGE, annotations: null }, null, "image", ociManifest],
  ["annotations with a null", { ...IMAGE, annotations: { a: null } }, null, "image", ociManifest],
  ["layers that are null", { ...IMAGE, layers: null }, ociManifest, "image", ociManifest],
  ["missing layers", { ...IMAGE, layers: undefined }, null, "image", ociManifest],
  ["an empty media type", { ...IMAGE, mediaType: "" }, dockerManifest, "image", dockerManifest],
  ["an index with an empty media type", { ...INDEX, mediaType: "" }, null, "index", ociIndex],
  ["a missing schemaVersion", { ...IMAGE, schemaVersion: undefined }, null, "image", ociManifest],
  ["a schemaVersion of null", { ...INDEX, schemaVersion: null }, null, "index", ociIndex],
  ["a schemaVersion of 0", { ...IMAGE, schemaVersion: 0 }, null, "image", ociManifest],
  [
    "an index whose manifests are null",
    { schemaVersion: 2, manifests: null },
    null,
    "index",
    ociIndex,
  ],
  [
    "an index without manifests",
    { schemaVersion: 2, mediaType: ociIndex },
    null,
    "index",
    ociIndex,
  ],
  [
    "an index whose layers are null",
    { ...INDEX, layers: null, config: null },
    null,
    "index",
    ociIndex,
  ],
  ["unknown members", { ...IMAGE, subject: { a: 1 }, x: [[]] }, null, "image", ociManifest],
];

for (const [name, document, contentType, kind, mediaType] of GOOD) {
  Deno.test(`parseManifest accepts ${name}`, () => {
    const manifest = parse(document, contentType);
    assert.deepEqual([manifest.kind, manifest.mediaType], [kind, mediaType]);
    assert.equal(manifest.digest, digestOf(bytesOf(document)));
    assert.deepEqual(manifest.bytes, bytesOf(document));
    assert.deepEqual(manifest.annotations, {});
  });
}

const withLayer = (members: object) => ({ ...IMAGE, layers: [{ ...descriptor("x"), ...members }] });

const BAD: [string, Uint8Array, string | null, ErrorCode, RegExp][] = [
  ["an empty body", encode(""), null, "LDR_BAD_MANIFEST", /not a JSON object$/],
  ["a web page", encode("<html>"), "text/html", "LDR_BAD_MANIFEST", /sent as text\/html/],
  [
    "bytes that are not UTF-8",
    new Uint8Array([0x7b, 0xff, 0x7d]),
    null,
    "LDR_BAD_MANIFEST",
    /JSON/,
  ],
  ["half a document", bytesOf(IMAGE).subarray(0, 40), ociManifest, "LDR_BAD_MANIFEST", /JSON/],
  ["an array", encode("[]"), ociManifest, "LDR_BAD_MANIFEST", /JSON object/],
  ["null", encode("null"), ociManifest, "LDR_BAD_MANIFEST", /JSON object/],
  ["a number", encode("2"), ociManifest, "LDR_BAD_MANIFEST", /JSON object/],
  ["an empty object", encode("{}"), null, "LDR_BAD_MANIFEST", /neither layers nor manifests/],
  [
    "schemaVersion 3",
    bytesOf({ ...IMAGE, schemaVersion: 3 }),
    null,
    "LDR_BAD_MANIFEST",
    /schemaVersion/,
  ],
  [
    "a schemaVersion in quotes",
    bytesOf({ ...IMAGE, schemaVersion: "2" }),
    null,
    "LDR_BAD_MANIFEST",
    /sch/,
  ],
  ["schema 1", bytesOf({ schemaVersion: 1 }), null, "LDR_UNSUPPORTED_MANIFEST", /schema 1/],
  [
    "schema 1 by its header",
    bytesOf(IMAGE),
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "LDR_UNSUPPORTED_MANIFEST",
    /schema 1/,
  ],
  [
    "a media type that is not one of a manifest",
    bytesOf({ ...IMAGE, mediaType: "application/vnd.cncf.helm" }),
    ociManifest,
    "LDR_UNSUPPORTED_MANIFEST",
    /vnd\.cncf\.helm/,
  ],
  [
    "a mediaType that contradicts the Content-Type",
    bytesOf({ ...IMAGE, mediaType: ociManifest }),
    ociIndex,
    "LDR_BAD_MANIFEST",
    /mediaType is .*manifest.* but its Content-Type is .*index/,
  ],
  [
    "a manifest that is both image and index",
    bytesOf({ ...IMAGE, ...INDEX }),
    null,
    "LDR_BAD_MANIFEST",
    /both/,
  ],
  ["an index with layers", bytesOf({ ...INDEX, layers: [] }), ociIndex, "LDR_BAD_MANIFEST", /both/],
  [
    "an image with the Content-Type of an index",
    bytesOf(IMAGE),
    ociIndex,
    "LDR_BAD_MANIFEST",
    /both|it has layers, but its type is that of an index/,
  ],
  [
    "an image without layers with the Content-Type of an index",
    bytesOf({ ...IMAGE, layers: undefined }),
    ociIndex,
    "LDR_BAD_MANIFEST",
    /it has config, but its type is that of an index/,
  ],
  [
    "an index with the type of an image",
    bytesOf({ ...INDEX, mediaType: ociManifest }),
    null,
    "LDR_BAD_MANIFEST",
    /it has manifests, but its type is that of an image/,
  ],
  [
    "an image without a config",
    bytesOf({ schemaVersion: 2, layers: [] }),
    null,
    "LDR_BAD_MANIFEST",
    /config/,
  ],
  ["a null config", bytesOf({ ...IMAGE, config: null }), ociManifest, "LDR_BAD_MANIFEST", /config/],
  [
    "layers that are not a list",
    bytesOf({ ...IMAGE, layers: {} }),
    null,
    "LDR_BAD_MANIFEST",
    /layers/,
  ],
  [
    "a layer that is null",
    bytesOf({ ...IMAGE, layers: [null] }),
    null,
    "LDR_BAD_MANIFEST",
    /layers\.0/,
  ],
  [
    "a layer's digest that is a path",
    bytesOf(withLayer({ digest: "sha256:../../../etc/passwd" })),
    null,
    "LDR_BAD_MANIFEST",
    /layers\.0\.digest/,
  ],
  [
    "a negative size",
    bytesOf(withLayer({ size: -1 })),
    null,
    "LDR_BAD_MANIFEST",
    /layers\.0\.size/,
  ],
  ["a size too large", bytesOf(withLayer({ size: 1e300 })), null, "LDR_BAD_MANIFEST", /size/],
  [
    "an annotation that is not a string",
    bytesOf({ ...IMAGE, annotations: { a: 1 } }),
    null,
    "LDR_BAD_MANIFEST",
    /annotations/,
  ],
  [
    "a platform that is not an object",
    bytesOf({ ...INDEX, manifests: [{ ...descriptor("m"), platform: "linux" }] }),
    null,
    "LDR_BAD_MANIFEST",
    /manifests\.0\.platform/,
  ],
];

for (const [name, bytes, contentType, code, reason] of BAD) {
  Deno.test(`parseManifest rejects ${name}`, () => {
    assert.throws(
      () => parseManifest(bytes, "example/app", contentType),
      (error) =>
        hasCode(error, code) && reason.test(error.message) && error.message.includes("example/app"),
    );
  });
}

Deno.test("parseManifest requires the expected digest, with its algorithm", () => {
  const bytes = bytesOf(IMAGE);
  for (const algorithm of ["sha256", "sha512"] as const) {
    const expected = digestOf(bytes, algorithm);
    assert.equal(parseManifest(bytes, "x", null, expected).digest, expected);
    assert.throws(
      () => parseManifest(bytesOf(INDEX), "x", null, expected),
      (error) => hasCode(error, "LDR_DIGEST_MISMATCH"),
    );
  }
});

Deno.test("parseManifest checks the digest before it parses", () => {
  assert.throws(
    () => parseManifest(encode("<html>"), "x", null, digestOf(bytesOf(IMAGE))),
    (error) => hasCode(error, "LDR_DIGEST_MISMATCH"),
  );
});

Deno.test("parseManifest accepts a manifest at the size limit, and rejects one byte more", () => {
  const padded = (size: number) => {
    const text = JSON.stringify(IMAGE);
    return encode(text + " ".repeat(size - text.length));
  };
  assert.equal(parseManifest(padded(MAX_MANIFEST), "x").kind, "image");
  assert.throws(
    () => parseManifest(padded(MAX_MANIFEST + 1), "x"),
    (error) => hasCode(error, "LDR_BAD_MANIFEST") && /larger than 4\.00 MiB/.test(error.message),
  );
});

Deno.test("successors returns the config and layers of an image, or the manifests of an index, in order", () => {
  assert.deepEqual(successors(parse(IMAGE)).map(({ digest }) => digest), [
    IMAGE.config.digest,
    ...IMAGE.layers.map(({ digest }) => digest),
  ]);
  assert.deepEqual(successors(parse(INDEX)).map(({ digest }) => digest), [
    INDEX.manifests[0]!.digest,
  ]);
});

Deno.test("spinApplicationLayer returns the layer of its media type, if there is one", () => {
  const app = descriptor("app", SPIN_APPLICATION);
  const layers = [descriptor("wasm", MEDIA_TYPES.spinWasm), app];
  assert.equal(
    spinApplicationLayer(parse({ ...IMAGE, layers }) as ImageManifest)?.digest,
    app.digest,
  );
  assert.equal(spinApplicationLayer(parse(IMAGE) as ImageManifest), undefined);
});

const { ociConfig, dockerConfig, wasm, wasmConfig, spinWasm, spinArchive } = MEDIA_TYPES;
const HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json";

const KINDS: [name: string, config: string, layers: string[], kind: ArtifactKind][] = [
  ["an OCI container image", ociConfig, [MEDIA_TYPES.ociLayer], "image"],
  ["a Docker container image", dockerConfig, [MEDIA_TYPES.dockerLayer], "image"],
  ["a container image without layers", ociConfig, [], "image"],
  ["a Wasm package", wasmConfig, [wasm], "app"],
  ["Wasm with a container's config", ociConfig, [spinWasm], "app"],
  ["a Spin app", ociConfig, [SPIN_APPLICATION, spinArchive], "app"],
  ["a Spin app from before Spin 2.0", SPIN_APPLICATION, [], "app"],
  [
    "a Helm chart",
    HELM_CONFIG,
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip"],
    "artifact",
  ],
  [
    "an artifact with an empty config",
    "application/vnd.oci.empty.v1+json",
    ["text/plain"],
    "artifact",
  ],
];

for (const [name, config, layers, kind] of KINDS) {
  Deno.test(`artifactKind calls ${name} an ${kind}`, () => {
    const document = {
      ...IMAGE,
      config: descriptor("config", config),
      layers: layers.map((mediaType, i) => descriptor(`layer ${i}`, mediaType)),
    };
    assert.equal(artifactKind(parse(document) as ImageManifest), kind);
  });
}
