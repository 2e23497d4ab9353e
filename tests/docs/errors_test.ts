import assert from "node:assert/strict";
import { ERROR_CODES } from "../../src/base/errors.ts";

Deno.test("errors.md lists every error code with its exit code", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/errors.md", import.meta.url));
  const documented: Record<string, number> = {};
  for (const [, exit, codes] of page.matchAll(/^\| (\d+) +\|[^|]*\|([^|]*)\|$/gm)) {
    for (const [code] of codes!.matchAll(/LDR_[A-Z_]+/g)) documented[code] = Number(exit);
  }
  assert.deepEqual(documented, { ...ERROR_CODES });
});
