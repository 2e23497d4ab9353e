import assert from "node:assert/strict";
import { digestOf, utf8 } from "../../../support/cache/artifacts.ts";
import { type Files, layoutOf } from "../../../support/cache/image_layouts.ts";
import { BIG, ImportHome, NAME, ONE } from "../../../support/cache/import_home.ts";

Deno.test("import asks for names that a bundle does not have", async (t) => {
  const digest = ONE.descriptor.digest;
  const both = [{ artifact: ONE, name: "v1" }, { artifact: BIG, name: "v2" }];
  const cases: [string, Files, string[], number, RegExp][] = [
    ["no name", layoutOf({ artifact: ONE }), [], 2, /has no name .*--as NAME\n/s],
    ["a tag alone", layoutOf({ artifact: ONE, name: "v1" }), [], 2, /only the tag "v1"/],
    [
      "tags alone",
      layoutOf(...both),
      [],
      2,
      /--as REPOSITORY takes all with their tags, --as NAME@sha256:\w+ takes this one/,
    ],
    [
      "a digest, as in Apptainer's cache",
      layoutOf({ artifact: ONE, name: digest.slice(7) }),
      [],
      2,
      /no name/,
    ],
    ["--as", layoutOf({ artifact: ONE }), ["--as", "a:1"], 0, /library\/a:1@/],
    ["--as renames", layoutOf({ artifact: ONE, name: NAME }), ["--as", "a:1"], 0, /library\/a:1@/],
    [
      "--as REPOSITORY keeps the tag",
      layoutOf({ artifact: ONE, name: "v1" }),
      ["--as", "x.io/a"],
      0,
      /x\.io\/a:v1@/,
    ],
    [
      "--as REPOSITORY replaces a name",
      layoutOf({ artifact: ONE, name: NAME }),
      ["--as", "x.io/a"],
      0,
      /x\.io\/a:latest@/,
    ],
    [
      "--as with a digest, which is no tag",
      layoutOf({ artifact: ONE, name: digest.slice(7) }),
      ["--as", "x.io/a"],
      0,
      /x\.io\/a:latest@/,
    ],
    [
      "--as with tags of several",
      layoutOf(...both),
      ["--as", "x.io/a"],
      0,
      /x\.io\/a:v1@.*x\.io\/a:v2@/s,
    ],
    ["--as with a tag for several", layoutOf(...both), ["--as", "x.io/a:1"], 2, /has 2 images/],
    [
      "--as chooses one of several",
      layoutOf(...both),
      ["--as", `x.io/a:1@${digest}`],
      0,
      /^x\.io\/a:1@\S+\n$/,
    ],
    [
      "--as chooses none",
      layoutOf(...both),
      ["--as", `a@${digestOf(utf8(""))}`],
      2,
      /has no image/,
    ],
    ["a bad name", layoutOf({ artifact: ONE, name: "a:b:c" }), [], 2, /LDR_BAD_REFERENCE/],
    ["a bad --as", layoutOf({ artifact: ONE }), ["--as", "A/"], 2, /LDR_BAD_REFERENCE/],
    [
      "a name with another digest",
      layoutOf({ artifact: ONE, name: `a@${digestOf(utf8(""))}` }),
      [],
      5,
      /is sha256/,
    ],
    [
      "one name for two images",
      layoutOf({ artifact: ONE, name: NAME }, { artifact: BIG, name: NAME }),
      [],
      5,
      /twice/,
    ],
  ];
  for (const [name, files, options, code, text] of cases) {
    await t.step(name, async () => {
      using home = new ImportHome();
      const result = await home.larder("import", home.folder("layout", files), ...options);
      assert.equal(result.code, code, result.stderr);
      assert.match(code === 0 ? result.stdout : result.stderr, text);
    });
  }
});
