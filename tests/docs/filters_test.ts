import assert from "node:assert/strict";
import { FIELDS } from "../../src/cli/query/fields.ts";
import { compileFilter } from "../../src/cli/query/filter.ts";
import { compileTemplate } from "../../src/cli/query/template.ts";

const page = Deno.readTextFileSync(new URL("../../docs/filters.md", import.meta.url));

Deno.test("filters.md lists every field with its type and description", () => {
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\w+) +\| (.*?) +\|$/gm)]
    .map(([, name, type, value]) => [name, type, value]);
  assert.deepEqual(
    rows,
    Object.entries(FIELDS).map(([name, { type, description }]) => [name, type, description]),
  );
});

Deno.test("every example in filters.md compiles", async () => {
  const commands = [...page.matchAll(/^larder list .*$/gm)].map(([line]) => line);
  const given = (option: string) =>
    commands.flatMap((line) => new RegExp(`${option} '([^']*)'`).exec(line)?.[1] ?? []);
  const [filters, templates] = [given("--filter"), given("--format")];
  assert.deepEqual([filters.length, templates.length], [4, 3]);
  for (const filter of filters) await compileFilter(filter, 0);
  for (const template of templates) await compileTemplate(template, 0);
});
