import assert from "node:assert/strict";
import { FIELD_NAMES } from "../../../src/cli/query/fields.ts";
import { PointedError } from "../../../src/cli/errors.ts";
import { compileTemplate } from "../../../src/cli/query/template.ts";
import { failureOf } from "../../support/failure_of.ts";
import { item, NOW } from "../../support/cache/items.ts";

/** Templates, and what they print for `item()`. */
const LINES: [string, string][] = [
  ["{{name}} {{size}}", "ghcr.io/acme/shop:v1 200000000"],
  ["{{name}}\\t{{size.human()}}\\n", "ghcr.io/acme/shop:v1\t190.73 MiB\n"],
  ["{{ type }}", "app"],
  ["\\\\t{{type}}\\x", "\\tapp\\x"],
  ["{{unused}} {{age}}", "40d 50d"],
  ["{{created}}", "2026-01-10T12:00:00.000Z"],
  ['{{pinned ? "pinned" : "-"}}{{note}}', "-"],
  ["{{'{{'}}{{\"}}\"}}", "{{}}"],
  ["{{[type, tag]}}", "app,v1"],
  ['{{bytes("1kB") + 1}}', "1001"],
  ['{{duration("90m")}}', "1h 30m"],
  ["no field at all", "no field at all"],
  ["{{size / 3}} {{double(size) / 3.0 > 1.0}}", "66666666 true"],
];

for (const [template, line] of LINES) {
  Deno.test(`compileTemplate: ${template} prints ${JSON.stringify(line)}`, async () => {
    assert.equal((await compileTemplate(template, NOW))(item()), line);
  });
}

Deno.test("a template prints every field, of items with and without a value", async () => {
  for (const name of FIELD_NAMES) {
    const template = await compileTemplate(`<{{${name}}}>`, NOW);
    for (
      const subject of [item(), item({ type: "blob", digest: undefined, writtenBy: undefined })]
    ) {
      assert.match(template(subject), /^<.*>$/, name);
    }
  }
});

/** Bad templates, their errors, and the marked offset. */
const WRONG: [string, RegExp, string][] = [
  ["{{nam}}", /at column 3: there is no field "nam"$/, "  ^"],
  ["a {{name}} {{sizee}}", /at column 14: .*"sizee"$/, "             ^"],
  ["a {{name", /at column 3: \{\{ without \}\}$/, "  ^"],
  ["{{name}} {{", /at column 10: \{\{ without \}\}$/, "         ^"],
  ["{{}}", /at column 3: unexpected token: the end$/, "  ^"],
  ["{{.Name}}", /at column 3: /, "  ^"],
  ["{{size +}}", /at column 9: /, "        ^"],
];

for (const [template, message, mark] of WRONG) {
  Deno.test(`compileTemplate rejects ${template} and points at the mistake`, async () => {
    const error = await failureOf(compileTemplate(template, NOW));
    assert.ok(error instanceof PointedError);
    assert.equal(error.exitCode, 2);
    assert.match(error.message, /^bad template at /);
    assert.match(error.message, message);
    assert.equal(error.details[1], `  ${mark}`);
  });
}

Deno.test("a template runs no code, neither its own nor that of a value", async () => {
  const evil = "{{Deno.exit(3)}} <%= Deno.exit(4) %> ${Deno.exit(5)}";
  const template = await compileTemplate("{{note}} <%= 1 %> ${2}", NOW);
  assert.equal(template(item({ pin: { note: evil } })), `${evil} <%= 1 %> \${2}`);
  for (
    const text of ["{{Deno}}", "{{globalThis}}", "{{name.constructor('x')()}}", "{{name.length}}"]
  ) {
    await assert.rejects(async () => (await compileTemplate(text, NOW))(item()), PointedError);
  }
});

Deno.test("a template replaces control characters in values", async () => {
  const template = await compileTemplate("{{note}}|{{problem}}", NOW);
  const subject = item({ pin: { note: "a\x1b[31mb" }, problem: "c\nd\x07" });
  assert.equal(template(subject), "a [31mb|c d ");
});
