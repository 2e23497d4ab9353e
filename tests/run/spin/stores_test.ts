import assert from "node:assert/strict";
import { join } from "node:path";
import { locateStores } from "../../../src/run/spin/stores.ts";

const LABELS = { keyValueStores: ["default", "cache"], databases: ["default", "a/..*b"] };

Deno.test("locateStores has one file of key-value stores, and one per database", () => {
  const files = { folder: "/data/app", keyValue: {}, sqlite: {} };
  const keyValue = join("/data/app", "sqlite_key_value.db");
  assert.deepEqual(locateStores(LABELS, files), {
    keyValue: { default: keyValue, cache: keyValue },
    sqlite: {
      default: join("/data/app", "sqlite_db.db"),
      "a/..*b": join("/data/app", "sqlite_db.a%2F..%2Ab.db"),
    },
  });
});

Deno.test("locateStores prefers the paths of a runtime config, and has no file in memory", () => {
  const files = { folder: ":memory:", keyValue: { cache: "/c.db" }, sqlite: { unused: "/u.db" } };
  assert.deepEqual(locateStores(LABELS, files), {
    keyValue: { default: ":memory:", cache: "/c.db" },
    sqlite: { default: ":memory:", "a/..*b": ":memory:" },
  });
});
