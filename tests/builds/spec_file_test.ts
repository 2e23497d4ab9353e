import assert from "node:assert/strict";
import { LarderError } from "../../src/base/errors.ts";
import { parseSpec } from "../../src/builds/spec_file.ts";

const MINIMAL = 'run: ["sh", "a.sh"]\noutput: out.img\n';

Deno.test("parseSpec reads every key", () => {
  const spec = parseSpec(
    `# a comment
name: hello-image
inputs: [rootfs/, "compose.sh"]
packages:
  - http://mirror/a_1_amd64.deb
  - {url: "http://mirror/hello_2.10-3_amd64.deb", digest: "sha256:ab", name: hello, version: 2.10}
  - {from: packages.yaml, names: [hello], keyring: keys.gpg}
refs: [docker.io/library/alpine:3]
env: {FORMAT: squashfs, VERSION: 1.10, DEBUG: true, EMPTY: ""}
run: [make, -j, 2]
output: hello.squashfs
network: true
build: {cache: {use_package_cache: false, use_image_cache: false}}
`,
    "/specs/image.yaml",
  );
  const { fault: _, env, ...rest } = spec;
  assert.deepEqual(rest, {
    name: "hello-image",
    folder: "/specs",
    inputs: ["rootfs/", "compose.sh"],
    packages: [
      { url: "http://mirror/a_1_amd64.deb" },
      {
        url: "http://mirror/hello_2.10-3_amd64.deb",
        digest: "sha256:ab",
        name: "hello",
        version: "2.10",
        arch: undefined,
        source: undefined,
      },
      { from: "packages.yaml", names: ["hello"], keyring: "keys.gpg" },
    ],
    refs: ["docker.io/library/alpine:3"],
    run: ["make", "-j", "2"],
    output: "hello.squashfs",
    network: true,
    usePackageCache: false,
    useImageCache: false,
  });
  assert.deepEqual(Object.fromEntries(env), {
    FORMAT: "squashfs",
    VERSION: "1.10",
    DEBUG: "true",
    EMPTY: "",
  });
});

Deno.test("parseSpec names a build after its file, and reads JSON and anchors", () => {
  assert.equal(parseSpec(MINIMAL, "/a/my-image.yaml").name, "my-image");
  const json = JSON.stringify({ run: ["sh"], output: "o", inputs: ["a"] });
  assert.deepEqual(parseSpec(json, "/a/b.json").inputs, ["a"]);
  const anchored = 'env: {A: &a "1", B: *a}\n' + MINIMAL;
  assert.equal(parseSpec(anchored, "/a/b.yaml").env.get("B"), "1");
  assert.deepEqual(parseSpec(`inputs:\nenv:\nbuild: {cache: }\n${MINIMAL}`, "/a.yaml").inputs, []);
});

Deno.test("parseSpec asks for a name if the file has none for a build", () => {
  assert.throws(() => parseSpec(MINIMAL, "/a/my image.yaml"), {
    message: 'bad spec at /a/my image.yaml:1:1: "my image" cannot be the name of a build',
    hint: /name: my-image$/,
  });
});

Deno.test("parseSpec says what is wrong at which line, and what to write", async (t) => {
  const cases: [name: string, text: string, position: string, reason: RegExp, hint: RegExp][] = [
    ["no YAML", "run: [sh\noutput: x", "2:1", /bracket .* missing/, /close what was opened/],
    ["a list of packages as spec", "repositories: []", "1:1", /list of packages, not a/, /--from/],
    ["a list", "- a", "1:1", /not a mapping/, /KEY: VALUE/],
    ["nothing", "", "1:1", /not a mapping/, /name: hello-image/],
    ["two of a key", `${MINIMAL}output: y`, "3:1", /occurs twice/, /remove/],
    ["an unknown key", `${MINIMAL}inputz: []`, "3:1", /unknown key "inputz" in the spec/, /inputs/],
    ["an unknown key far from any", `${MINIMAL}volumes: []`, "3:1", /"volumes"/, /the keys are/],
    ["no run", "output: x", "1:1", /run is missing/, /run: \["sh", "compose.sh"\]/],
    ["a text to run", "run: sh a.sh\noutput: x", "1:6", /run is a text/, /"-c", "sh a.sh"\]/],
    ["nothing to run", "run: []\noutput: x", "1:6", /names no program/, /compose/],
    ["a mapping as argument", "run: [{a: b}]\noutput: x", "1:7", /is a mapping/, /write a text/],
    ["no output", "run: [sh]", "1:1", /output is missing/, /output: image/],
    ["a path as output", "run: [sh]\noutput: a/b", "2:9", /not the name of a file/, /-o says/],
    ["dots as output", 'run: [sh]\noutput: ".."', "2:9", /not the name of a file/, /-o says/],
    ["a list as output", "run: [sh]\noutput: [a]", "2:9", /output is a list/, /write a text/],
    [
      "a bad name",
      `name: a b\n${MINIMAL}`,
      "1:7",
      /"a b" cannot be the name of a build/,
      /letters/,
    ],
    ["a text as inputs", `inputs: a\n${MINIMAL}`, "1:9", /inputs is a text/, /\[A, B\]/],
    ["an empty input", `inputs: [""]\n${MINIMAL}`, "1:10", /is empty/, /rootfs/],
    ["null as input", `inputs: [~]\n${MINIMAL}`, "1:10", /is empty/, /rootfs/],
    ["a list as env", `env: [A]\n${MINIMAL}`, "1:6", /env is a list/, /FORMAT: squashfs/],
    ["a bad variable", `env: {A-B: c}\n${MINIMAL}`, "1:7", /"A-B" is not the name/, /letters/],
    ["larder's variable", `env: {LARDER_OUTPUT: c}\n${MINIMAL}`, "1:7", /sets the var/, /another/],
    ["a variable without value", `env: {A: }\n${MINIMAL}`, "1:10", /env.A is empty/, /""/],
    ["a variable alone", `env: {A}\n${MINIMAL}`, "1:7", /env.A has no value/, /A: ""/],
    ["a list as variable", `env: {A: [b]}\n${MINIMAL}`, "1:10", /env.A is a list/, /write a text/],
    ["a word for a switch", `network: "yes"\n${MINIMAL}`, "1:10", /neither true nor false/, /true/],
    [
      "a package without URL",
      `packages: [{name: a}]\n${MINIMAL}`,
      "1:12",
      /url is missing/,
      /http/,
    ],
    ["a package's unknown key", `packages: [{url: a, sha: b}]\n${MINIMAL}`, "1:21", /"sha"/, /url/],
    ["a list's unknown key", `packages: [{from: a, url: b}]\n${MINIMAL}`, "1:22", /a list of/, /./],
    ["a list of packages", `packages: [[a]]\n${MINIMAL}`, "1:12", /a package is a list/, /url:/],
    ["build", `build: {cach: {}}\n${MINIMAL}`, "1:9", /"cach" in build/, /did you mean cache/],
    ["cache", `build: {cache: true}\n${MINIMAL}`, "1:16", /build.cache is a text/, /false/],
    ["a cache key", `build: {cache: {use_cache: true}}\n${MINIMAL}`, "1:17", /"use_cache"/, /./],
    ["a tab", `env:\n\tA: b\n${MINIMAL}`, "2:1", /tab/, /spaces/],
  ];
  for (const [name, text, position, reason, hint] of cases) {
    await t.step(name, () => {
      const error = faultOf(() => parseSpec(text, "/a/spec.yaml"));
      assert.equal(error.code, "LDR_BAD_SPEC");
      const [, at, why] = /^bad spec at \/a\/spec\.yaml:(\d+:\d+): (.*)$/.exec(error.message) ?? [];
      assert.equal(at, position, error.message);
      assert.match(why!, reason);
      assert.match(error.hint, hint);
    });
  }
});

Deno.test("BuildSpec.fault points to the part of the spec", () => {
  const spec = parseSpec(`${MINIMAL}inputs:\n  - a\n  - b\n`, "/a/spec.yaml");
  assert.match(spec.fault(["inputs", 1], "gone", "").message, /spec\.yaml:5:5: gone$/);
  assert.match(spec.fault(["refs", 0], "bad", "").message, /spec\.yaml:1:1: bad$/);
});

function faultOf(body: () => unknown): LarderError {
  try {
    body();
  } catch (error) {
    if (error instanceof LarderError) return error;
    throw error;
  }
  assert.fail("it did not fail");
}

Deno.test("parseSpec says which item of a list is indented more than the first one", () => {
  const parse = (inputs: string) => parseSpec(`${MINIMAL}inputs:\n${inputs}\n`, "image.yaml");
  assert.throws(() => parse("  - a\n    - b"), (error) => {
    assert.ok(error instanceof LarderError);
    assert.match(error.message, /^bad spec at image.yaml:5:5: the item belongs to the text above/);
    assert.equal(error.hint, 'indent each "- " as the first one of the list');
    return true;
  });
  for (const name of ["a - b", '"a\n    - b"', "a\n    b - c"]) {
    assert.deepEqual(parse(`  - ${name}`).inputs, [name.replace(/\s+/g, " ").replaceAll('"', "")]);
  }
});
