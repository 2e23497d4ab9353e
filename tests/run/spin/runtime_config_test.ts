import assert from "node:assert/strict";
import { resolve } from "node:path";
import { hasCode } from "../../../src/base/errors.ts";
import { parseRuntimeConfig } from "../../../src/run/spin/runtime_config.ts";

Deno.test("parseRuntimeConfig reads stores, databases, providers and the state folder", () => {
  const config = parseRuntimeConfig(
    `state_dir = "state"
    [key_value_store.default]
    type = "spin"
    path = "kv.db"
    [key_value_store.cache]
    type = "spin"
    [sqlite_database.default]
    type = "spin"
    path = "/srv/sql.db"
    [sqlite_database.other]
    type = "spin"
    path = "other.db"
    [[config_provider]]
    type = "static"
    values = { a = "1" }
    [[config_provider]]
    type = "env"
    prefix = "MY"`,
    "conf/runtime.toml",
  );
  assert.deepEqual(config, {
    stateDir: resolve("state"),
    keyValue: { default: resolve("conf/kv.db"), cache: ":memory:" },
    sqlite: { default: resolve("/srv/sql.db"), other: resolve("other.db") },
    providers: [{ type: "static", values: { a: "1" } }, { type: "env", prefix: "MY" }],
  });
});

Deno.test("parseRuntimeConfig takes an empty file, and an empty state folder for none", () => {
  const empty = { stateDir: undefined, keyValue: {}, sqlite: {}, providers: [] };
  assert.deepEqual(parseRuntimeConfig("", "x.toml"), empty);
  assert.equal(parseRuntimeConfig('state_dir = ""', "x.toml").stateDir, ":memory:");
});

const FAULTS: [text: string, message: RegExp][] = [
  ["[llm_compute]\ntype = 'spin'", /does not have llm_compute$/],
  ["log_dir = 'x'", /does not have log_dir$/],
  ["[key_value_store.a]\ntype = 'redis'\nurl = 'x'", /key_value_store.a of type redis$/],
  ["[sqlite_database.a]\ntype = 'libsql'", /sqlite_database.a of type libsql$/],
  ["[[variables_provider]]\ntype = 'vault'", /variables_provider of type vault$/],
  ["[key_value_store.a]\npath = 'x'", /key_value_store.a.type is missing/],
  ["[sqlite_database.a]\ntype = 'spin'\nallow_attach_file = true", /allow_attach_file is unknown/],
  ["[[variables_provider]]\ntype = 'static'", /values is missing/],
  ["x = ", /x.toml:1/],
];

for (const [text, message] of FAULTS) {
  Deno.test(`parseRuntimeConfig refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseRuntimeConfig(text, "x.toml"),
      (error) => hasCode(error, "LDR_CONFIG") && message.test(error.message),
    );
  });
}
