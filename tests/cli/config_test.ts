import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { hasCode } from "../../src/base/errors.ts";
import { type Config, loadConfig } from "../../src/cli/config.ts";
import type { Machine } from "../../src/store/roots.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const machine = (home?: string): Machine => ({
  os: "linux",
  env: (name) => name === "HOME" ? home : undefined,
});

/** Loads this text as the file that `--config` names. */
async function load(text: string): Promise<Config> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  Deno.writeTextFileSync(path, text);
  return await loadConfig(machine(), path);
}

const GOOD: [string, string, Config][] = [
  ["nothing", "", {}],
  ["comments", "# nothing yet\n", {}],
  ["a folder", "cache_dir: /var/cache\n", { cache_dir: "/var/cache" }],
  ["a folder with a blank", 'cache_dir: "/my cache"', { cache_dir: "/my cache" }],
  ["a number of transfers", "transfers: 64", { transfers: 64 }],
  ["a policy", "freshness: {policy: missing}", { freshness: { policy: "missing" } }],
  ["a duration", "freshness:\n  stale_if_error: 1h30m\n", {
    freshness: { stale_if_error: 5_400_000 },
  }],
  ["a duration of nothing", "freshness:\n  stale_if_error: 0\n", {
    freshness: { stale_if_error: 0 },
  }],
  ["JSON", '{"transfers": 3, "freshness": {}}', { transfers: 3, freshness: {} }],
  ["Windows' line ends and mark", "\ufefftransfers: 2\r\ncache_dir: /x\r\n", {
    transfers: 2,
    cache_dir: "/x",
  }],
  ["an alias", "cache_dir: &a /x\nfreshness: {}\n", { cache_dir: "/x", freshness: {} }],
];

for (const [name, text, config] of GOOD) {
  Deno.test(`a config file with ${name} is read`, async () => {
    assert.deepEqual(await load(text), config);
  });
}

/** Name, the file, where it is wrong, and what is. */
const BAD: [string, string, string, RegExp][] = [
  ["an unknown key", "transfers: 1\ncash_dir: /x\n", "2:1", /unknown key "cash_dir"/],
  ["an unknown key inside", "freshness:\n  # a\n  polcy: never\n", "3:3", /"freshness\.polcy"/],
  [
    "a value that is no choice",
    "freshness:\n  policy: often\n",
    "2:3",
    /freshness\.policy: .*"often"/,
  ],
  ["a duration that is none", "freshness:\n  stale_if_error: 5y", "2:3", /not a duration: "5y"/],
  ["a duration without a unit", "freshness:\n  stale_if_error: 5", "2:3", /stale_if_error/],
  ["no transfers", "transfers: 0", "1:1", /transfers: .*>=1/],
  ["too many transfers", "transfers: 65", "1:1", /transfers: .*<=64/],
  ["half a transfer", "\ntransfers: 1.5", "2:1", /transfers: .*1\.5/],
  ["text for a number", "transfers: many", "1:1", /transfers: .*"many"/],
  ["a number for text", "cache_dir: 5", "1:1", /cache_dir: .*string/],
  ["an empty folder", 'cache_dir: ""', "1:1", /cache_dir/],
  ["null for a value", "cache_dir:\n", "1:1", /cache_dir: .*null/],
  ["text for a group", "freshness: never", "1:1", /freshness: .*"never"/],
  ["a list for a group", "freshness: [a]", "1:1", /freshness/],
  ["a key twice", "transfers: 1\ntransfers: 2\n", "2:1", /unique/],
  ["a quote left open", 'cache_dir: "/x\n', "2:1", /quote/],
  ["a bracket left open", "freshness: {\n", "2:1", /./],
  ["a tab", "freshness:\n\tpolicy: never\n", "2:1", /[Tt]ab/],
  ["text alone", "hello", "1:1", /not a list of keys and values/],
  ["a list", "- a\n- b\n", "1:1", /not a list of keys and values/],
  ["two documents", "---\ntransfers: 1\n---\ntransfers: 2\n", "3:1", /multiple documents/],
  ["a type of another language", "cache_dir: !!js/function x", "1:12", /[Tt]ag/],
  ["a key that is a list", "? [a]\n: b\n", "1:1", /unknown key/],
];

for (const [name, text, place, reason] of BAD) {
  Deno.test(`a config file with ${name} is refused at ${place}`, async () => {
    await assert.rejects(load(text), (error) => {
      assert.ok(hasCode(error, "LDR_CONFIG"), String(error));
      assert.match(error.message, /^bad config at \S+\/config\.yaml:\d+:\d+: \S/);
      assert.ok(error.message.includes(`config.yaml:${place}: `), error.message);
      assert.match(error.message, reason);
      return true;
    });
  });
}

const nested = (depth: number) =>
  Array.from({ length: depth }, (_, i) => `k${i}: &a${i} [${i ? `*a${i - 1},`.repeat(9) : "x"}]`)
    .join("\n");

for (const [name, text] of [["leads nowhere", "cache_dir: *gone\n"], ["swells", nested(9)]]) {
  Deno.test(`an alias that ${name} is refused`, async () => {
    await assert.rejects(
      load(text!),
      (error) => hasCode(error, "LDR_CONFIG") && /config\.yaml: .*alias/i.test(error.message),
    );
  });
}

Deno.test("the file in the config folder is read, and none has to be there", async () => {
  using home = new TemporaryFolder();
  assert.deepEqual(await loadConfig(machine(home.path), undefined), {});
  const folder = join(home.path, ".config/larder");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.yaml"), "transfers: 7");
  assert.deepEqual(await loadConfig(machine(home.path), undefined), { transfers: 7 });
  Deno.writeTextFileSync(join(home.path, "other.yaml"), "transfers: 8");
  const chosen = await loadConfig(machine(home.path), join(home.path, "other.yaml"));
  assert.deepEqual(chosen, { transfers: 8 });
});

Deno.test("a relative cache folder is meant from where the config file is", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "larder.yaml");
  Deno.writeTextFileSync(path, "cache_dir: ../cache\n");
  const { cache_dir } = await loadConfig(machine(), path);
  assert.equal(cache_dir, join(folder.path, "..", "cache"));
});

Deno.test("without a home there is no config file, and that is no error", async () => {
  assert.deepEqual(await loadConfig(machine(), undefined), {});
});

Deno.test("a file that was named must be there, and be a file", async () => {
  using folder = new TemporaryFolder();
  for (const path of [join(folder.path, "absent.yaml"), folder.path]) {
    await assert.rejects(
      loadConfig(machine(folder.path), path),
      (error) => hasCode(error, "LDR_CONFIG") && error.message.includes(path),
    );
  }
});

Deno.test("the YAML parser says nothing on its own", async () => {
  const said: string[] = [];
  const onWarning = (warning: Error) => said.push(warning.message);
  process.on("warning", onWarning);
  await assert.rejects(load("? [a]\n: b\n"));
  await new Promise((resolve) => setTimeout(resolve));
  process.off("warning", onWarning);
  assert.deepEqual(said, []);
});
