import assert from "node:assert/strict";
import { manualPage } from "../../src/cli/help/manual.ts";

Deno.test("manualPage names pages that exist", () => {
  for (const name of ["configuration", "filters"] as const) {
    const [, path] = /\/blob\/main\/(.*)$/.exec(manualPage(name)) ?? [];
    assert.ok(Deno.statSync(new URL(`../../${path}`, import.meta.url)).isFile);
  }
});
