import assert from "node:assert/strict";
import { isServerAt } from "../../../../src/cli/commands/serve/own_address.ts";

Deno.test("isServerAt tells the server itself from other places", () => {
  const cases: [string, number, string, boolean][] = [
    ["127.0.0.1", 5000, "127.0.0.1:5000", true],
    ["127.0.0.1", 5000, "localhost:5000", true],
    ["::1", 5000, "[::1]:5000", true],
    ["0.0.0.0", 5000, "localhost:5000", true],
    ["::", 5000, "127.0.0.1:5000", true],
    ["10.0.0.1", 5000, "10.0.0.1:5000", true],
    ["cache.lan", 443, "cache.lan", true],
    ["127.0.0.1", 5000, "127.0.0.1:5001", false],
    ["10.0.0.1", 5000, "localhost:5000", false],
    ["0.0.0.0", 5000, "10.0.0.1:5000", false],
    ["127.0.0.1", 5000, "docker.io", false],
  ];
  for (const [hostname, port, registry, expected] of cases) {
    const actual = isServerAt({ hostname, port }, { registry, repository: "app" });
    assert.equal(actual, expected, `${hostname} ${port} ${registry}`);
  }
});
