import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { hasCode } from "../../../src/base/errors.ts";
import { loadConfig } from "../../../src/cli/config/load.ts";
import type { Config } from "../../../src/cli/config/schema.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const platform = (home?: string, variables: Record<string, string> = {}): HostPlatform => ({
  os: "linux",
  env: (name) => name === "HOME" ? home : variables[name],
});

/** Loads this text as the file that `--config` names. */
async function load(text: string): Promise<Config> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  Deno.writeTextFileSync(path, text);
  return await loadConfig(platform(), path);
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
  [
    "OS Image Composer's own block",
    "storage:\n  package_cache:\n    enabled: true\n    max_size_gb: 10\n    retention_days: 30\n" +
    "  image_cache:\n    enabled: false\n    max_count: 5\n",
    {
      storage: {
        package_cache: { enabled: true, max_size_gb: 10, retention_days: 30 },
        image_cache: { enabled: false, max_count: 5 },
      },
    },
  ],
  [
    "the same for what comes from registries",
    "storage: {registry_cache: {enabled: true, max_size_gb: 2.5, retention_days: 7, max_count: 9}}",
    {
      storage: {
        registry_cache: { enabled: true, max_size_gb: 2.5, retention_days: 7, max_count: 9 },
      },
    },
  ],
  [
    "limits",
    "gc:\n  max_size: 20GB\n  min_free: 10%\n  unused: 90d\n  keep_last: 2\n  max_count: 50\n  auto: false\n",
    {
      gc: {
        max_size: 20e9,
        min_free: { percent: 10 },
        unused: 90 * 86_400_000,
        keep_last: 2,
        max_count: 50,
        auto: false,
      },
    },
  ],
  ["limits of 0 in numbers", "gc: {max_size: 0, min_free: 0, unused: 0}", {
    gc: { max_size: 0, min_free: { bytes: 0 }, unused: 0 },
  }],
  [
    "sizes and days of storage, which have their units in their names",
    "storage: {image_cache: {max_size_gb: 20, retention_days: 30}}",
    {
      storage: { image_cache: { max_size_gb: 20, retention_days: 30 } },
    },
  ],
  ["a registry, by any of its names", "registries: {index.docker.io: {insecure: true}}", {
    registries: { "docker.io": { insecure: true } },
  }],
  [
    "upstreams with commas or spaces between",
    "serve: {allow: 'docker.io,ghcr.io/acme/*  Quay.io'}",
    {
      serve: { allow: ["docker.io", "ghcr.io/acme/*", "quay.io"] },
    },
  ],
  ["a list of upstreams", "serve: {allow: [docker.io, ghcr.io/acme/*]}", {
    serve: { allow: ["docker.io", "ghcr.io/acme/*"] },
  }],
  ["mirrors", "registries: {a.test: {mirrors: [m.test, 'http://n.test/p/']}}", {
    registries: { "a.test": { mirrors: ["m.test", "http://n.test/p/"] } },
  }],
  ["mirrors in a text", "registries: {a.test: {mirrors: 'm.test, n.test:5000/p'}}", {
    registries: { "a.test": { mirrors: ["m.test", "n.test:5000/p"] } },
  }],
  ["no mirrors", "registries: {a.test: {mirrors: []}}", {
    registries: { "a.test": { mirrors: [] } },
  }],
  ["groups that have comments alone", "gc:\n  # nothing yet\nstorage:\nregistries:\n", {
    gc: null,
    storage: null,
    registries: null,
  }],
  ["an alias", "cache_dir: &a /x\nfreshness: {}\n", { cache_dir: "/x", freshness: {} }],
];

for (const [name, text, config] of GOOD) {
  Deno.test(`loadConfig reads a file with ${name}`, async () => {
    assert.deepEqual(await load(text), config);
  });
}

/** Name, the file, the position of the fault, and the reason. */
const BAD: [string, string, string, RegExp][] = [
  ["an unknown key", "transfers: 1\ncash_dir: /x\n", "2:1", /unknown key "cash_dir"/],
  ["an unknown key inside", "freshness:\n  # a\n  polcy: never\n", "3:3", /"freshness\.polcy"/],
  [
    "a value that is no choice",
    "freshness:\n  policy: often\n",
    "2:3",
    /freshness\.policy: .*"often"/,
  ],
  ["a duration that is none", "freshness:\n  stale_if_error: 5q", "2:3", /not a duration: "5q"/],
  [
    "a duration without a unit",
    "freshness:\n  stale_if_error: 5",
    "2:3",
    /stale_if_error: the duration "5" has no unit/,
  ],
  [
    "M in a duration",
    'gc: {unused: "1M"}',
    "1:6",
    /gc\.unused: "1M": M can mean minutes or months/,
  ],
  ["a size without a unit", "gc: {max_size: 20}", "1:6", /gc\.max_size: the size "20" has no unit/],
  ["a size in quotes without a unit", 'gc: {max_size: "20"}', "1:6", /"20" has no unit/],
  ["free space without a unit", "gc: {min_free: 10}", "1:6", /gc\.min_free: the size "10" has no/],
  ["no transfers", "transfers: 0", "1:1", /transfers: 0 is not a whole number from 1 to 64/],
  ["too many transfers", "transfers: 65", "1:1", /transfers: 65 is not a whole/],
  ["half a transfer", "\ntransfers: 1.5", "2:1", /transfers: .*1\.5/],
  ["text for a number", "transfers: many", "1:1", /transfers: .*"many"/],
  ["a number for text", "cache_dir: 5", "1:1", /cache_dir: 5 is not a path/],
  ["an empty folder", 'cache_dir: ""', "1:1", /cache_dir/],
  ["null for a value", "cache_dir:\n", "1:1", /cache_dir: the value is missing/],
  ["text for a group", "freshness: never", "1:1", /freshness: .*"never"/],
  ["a list for a group", "freshness: [a]", "1:1", /freshness: a list where its settings/],
  [
    "a percentage above 100",
    "gc: {min_free: 101%}",
    "1:6",
    /gc\.min_free: not a percentage: "101%"/,
  ],
  ["a size that is none", "gc:\n  max_size: 5 stones\n", "2:3", /gc\.max_size: not a size/],
  [
    "nothing to keep",
    "gc: {keep_last: 0}",
    "1:6",
    /gc\.keep_last: 0 is not a whole number from 1 on/,
  ],
  [
    "a negative size",
    "storage:\n  image_cache: {max_size_gb: -1}\n",
    "2:17",
    /max_size_gb: -1 is not a number/,
  ],
  ["text for a switch", "gc: {auto: perhaps}", "1:6", /gc\.auto: .*"perhaps"/],
  ["an upstream that is none", "serve: {allow: acme/app}", "1:9", /"acme\/app" does not begin/],
  ["a registry that is none", "registries: {a b: {insecure: true}}", "1:14", /bad registry "a b"/],
  [
    "a mirror that is none",
    "registries: {a.test: {mirrors: [m.test, bad host]}}",
    "1:23",
    /registries\.a\.test\.mirrors: bad registry "bad host"/,
  ],
  [
    "a group for mirrors",
    "registries: {a.test: {mirrors: {m.test: 1}}}",
    "1:23",
    /mirrors: a group is not a registry or a list of them/,
  ],
  ["a key twice", "transfers: 1\ntransfers: 2\n", "2:1", /the key occurs twice/],
  ["a quote left open", 'cache_dir: "/x\n', "2:1", /quote/],
  ["a bracket left open", "freshness: {\n", "2:1", /./],
  ["a tab", "freshness:\n\tpolicy: never\n", "2:1", /a tab indents/],
  ["text alone", "hello", "1:1", /not a mapping of keys to values/],
  ["a list", "- a\n- b\n", "1:1", /not a mapping of keys to values/],
  ["two documents", "---\ntransfers: 1\n---\ntransfers: 2\n", "3:1", /multiple documents/],
  ["a type of another language", "cache_dir: !!js/function x", "1:12", /an unknown tag/],
  ["a key that is a list", "? [a]\n: b\n", "1:1", /unknown key/],
];

for (const [name, text, place, reason] of BAD) {
  Deno.test(`loadConfig rejects a file with ${name} at ${place}`, async () => {
    await assert.rejects(load(text), (error) => {
      assert.ok(hasCode(error, "LDR_CONFIG"), String(error));
      assert.match(error.message, /^bad config at \S+\/config\.yaml:\d+:\d+: \S/);
      assert.ok(error.message.includes(`config.yaml:${place}: `), error.message);
      assert.match(error.message, reason);
      return true;
    });
  });
}

/** A file with a wrong value, and the hint. */
const HINTS: [string, RegExp][] = [
  ["gc: {auto: yes}", /^write true$/],
  ["gc: {auto: Off}", /^write false$/],
  ["gc: {auto: 1}", /^write true$/],
  ['gc: {auto: "true"}', /^write true without quotes$/],
  ["gc: {auto: perhaps}", /^write true or false$/],
  ["storage: {package_cache: {enabled: no}}", /^write false$/],
  ["storage: {package_cache: {max_size_gb: 10GB}}", /^write a number without a unit, such as 10$/],
  ["gc: {unused: 30}", /^write .*30d|^write a number and one of/],
  ["gc: {max_size: big}", /^write a number and a unit/],
  ["gc: {max_size: }", /^write a size, such as 20GB$/],
  ["gc: {max_size: [1]}", /^write a size, such as 20GB$/],
  ["gc: 5", /^write its settings below it as KEY: VALUE/],
  ["transfers: many", /^write a whole number from 1 to 64, such as 16$/],
  ["freshness: {policy: alway}", /^did you mean always\?$/],
  ["freshness: {policy: often}", /^write always, missing or never$/],
  ["registries: {a b: {insecure: true}}", /^write a host and optional port/],
  ["registries: {ghcr.io: true}", /^write its settings below it/],
  ["gc:\n\tauto: true", /^indent with spaces$/],
  ["gc: auto: true", /^write one KEY: VALUE on a line/],
  ["gc: {auto: true", /^write KEY: VALUE, and close what was opened$/],
  ["a: 1\na: 2", /^remove one of them$/],
];

for (const [text, hint] of HINTS) {
  Deno.test(`loadConfig says what to write in place of ${JSON.stringify(text)}`, async () => {
    await assert.rejects(load(text), (error) => {
      assert.ok(hasCode(error, "LDR_CONFIG"), String(error));
      assert.match(error.hint, hint);
      // Neither the validator's words nor the parser's.
      assert.doesNotMatch(error.message, /Invalid|Expected|received|compact mappings/);
      return true;
    });
  });
}

/** The file, its unknown key, and the key that is suggested. */
const MISTYPED: [string, string, string | undefined][] = [
  ["cash_dir: /x", "cash_dir", "cache_dir"],
  ["Transfers: 2", "Transfers", "transfers"],
  ["freshness: {polcy: never}", "freshness.polcy", "freshness.policy"],
  [
    "storage: {image_cache: {max_cuont: 1}}",
    "storage.image_cache.max_cuont",
    "storage.image_cache.max_count",
  ],
  ["storage: {imagecache: {}}", "storage.imagecache", "storage.image_cache"],
  ["max_size: 1GB", "max_size", "gc.max_size"],
  [
    "registries: {ghcr.io: {insecur: true}}",
    "registries.ghcr.io.insecur",
    "registries.ghcr.io.insecure",
  ],
  ["colour: green", "colour", undefined],
];

for (const [text, key, meant] of MISTYPED) {
  Deno.test(`loadConfig suggests ${meant ?? "no key"} for the unknown ${key}`, async () => {
    await assert.rejects(load(text), (error) => {
      assert.ok(hasCode(error, "LDR_CONFIG"), String(error));
      assert.ok(error.message.includes(`unknown key "${key}"`), error.message);
      if (meant) assert.equal(error.hint, `did you mean ${meant}?`);
      else assert.match(error.hint, /docs\/configuration\.md/);
      return true;
    });
  });
}

Deno.test("loadConfig lets the environment override single settings of the file", async () => {
  using home = new TemporaryFolder();
  const path = join(home.path, "larder.yaml");
  Deno.writeTextFileSync(path, "transfers: 7\ngc:\n  max_size: 1GB\n  auto: true\n");
  const variables = {
    LARDER_TRANSFERS: "9",
    LARDER_GC_MAX_SIZE: "2GB",
    LARDER_GC_MIN_FREE: "5%",
    LARDER_STORAGE_IMAGE_CACHE_ENABLED: "false",
    LARDER_FRESHNESS_POLICY: "",
    LARDER_UNHEARD_OF: "1",
  };
  assert.deepEqual(await loadConfig(platform(home.path, variables), path), {
    transfers: 9,
    gc: { max_size: 2e9, min_free: { percent: 5 }, auto: true },
    storage: { image_cache: { enabled: false } },
  });
});

/** A variable, its value, and the reason. */
const BAD_VARIABLES: [string, string, RegExp][] = [
  ["LARDER_GC_MAX_SIZE", "20", /the size "20" has no unit/],
  ["LARDER_GC_UNUSED", "1M", /minutes or months/],
  ["LARDER_FRESHNESS_STALE_IF_ERROR", "5", /the duration "5" has no unit/],
  ["LARDER_TRANSFERS", "many", /"many"/],
  ["LARDER_TRANSFERS", "65", /"65" is not a whole number from 1 to 64/],
  ["LARDER_GC_MAX_SIZE", "big", /not a size: "big"/],
  ["LARDER_GC_AUTO", "yes", /"yes" is not true or false/],
  ["LARDER_FRESHNESS_POLICY", "often", /"often"/],
];

for (const [variable, text, reason] of BAD_VARIABLES) {
  Deno.test(`loadConfig rejects ${variable}=${text} by the name of the variable`, async () => {
    await assert.rejects(
      loadConfig(platform(undefined, { [variable]: text }), undefined),
      (error) => {
        assert.ok(hasCode(error, "LDR_CONFIG"), String(error));
        assert.ok(error.message.startsWith(`bad ${variable}: `), error.message);
        assert.match(error.message, reason);
        return true;
      },
    );
  });
}

Deno.test("loadConfig reads the file of LARDER_CONFIG unless --config is given", async () => {
  using folder = new TemporaryFolder();
  const [one, two] = ["one.yaml", "two.yaml"].map((name) => join(folder.path, name));
  Deno.writeTextFileSync(one!, "transfers: 1");
  Deno.writeTextFileSync(two!, "transfers: 2");
  const named = platform(folder.path, { LARDER_CONFIG: one! });
  assert.deepEqual(await loadConfig(named, undefined), { transfers: 1 });
  assert.deepEqual(await loadConfig(named, two), { transfers: 2 });
  await assert.rejects(
    loadConfig(platform(folder.path, { LARDER_CONFIG: join(folder.path, "gone") }), undefined),
    (error) =>
      hasCode(error, "LDR_CONFIG") && /gone, which LARDER_CONFIG names/.test(error.message),
  );
});

Deno.test("loadConfig resolves shared.key_file against the folder of the config file", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  Deno.writeTextFileSync(path, "shared: {url: s3://bucket, key_file: shared.key}\n");
  const { shared } = await loadConfig(platform(), path);
  assert.deepEqual(shared, { url: "s3://bucket", key_file: join(folder.path, "shared.key") });
});

Deno.test("loadConfig resolves ca_file against the folder of the config file", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "larder.yaml");
  Deno.writeTextFileSync(path, "registries: {ghcr.io: {ca_file: ca.pem}}\n");
  const { registries } = await loadConfig(platform(), path);
  assert.equal(registries?.["ghcr.io"]?.ca_file, join(folder.path, "ca.pem"));
});

const nested = (depth: number) =>
  Array.from({ length: depth }, (_, i) => `k${i}: &a${i} [${i ? `*a${i - 1},`.repeat(9) : "x"}]`)
    .join("\n");

for (
  const [name, text] of [["is unresolved", "cache_dir: *gone\n"], ["expands too far", nested(9)]]
) {
  Deno.test(`loadConfig rejects an alias that ${name}`, async () => {
    await assert.rejects(
      load(text!),
      (error) => hasCode(error, "LDR_CONFIG") && /config\.yaml: .*alias/i.test(error.message),
    );
  });
}

Deno.test("loadConfig reads config.yaml in the config folder if it exists", async () => {
  using home = new TemporaryFolder();
  assert.deepEqual(await loadConfig(platform(home.path), undefined), {});
  const folder = join(home.path, ".config/larder");
  Deno.mkdirSync(folder, { recursive: true });
  Deno.writeTextFileSync(join(folder, "config.yaml"), "transfers: 7");
  assert.deepEqual(await loadConfig(platform(home.path), undefined), { transfers: 7 });
  Deno.writeTextFileSync(join(home.path, "other.yaml"), "transfers: 8");
  const chosen = await loadConfig(platform(home.path), join(home.path, "other.yaml"));
  assert.deepEqual(chosen, { transfers: 8 });
});

Deno.test("loadConfig resolves the paths of serve against the folder of the config file", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "config.yaml");
  const keys = ["token_file", "htpasswd_file", "tls_cert", "tls_key"];
  const lines = keys.map((key) => `  ${key}: ${key}.x\n`).join("");
  Deno.writeTextFileSync(path, `serve:\n  allow: ghcr.io\n${lines}`);
  const { serve } = await loadConfig(platform(), path);
  const expected = keys.map((key) => [key, join(folder.path, `${key}.x`)]);
  assert.deepEqual(serve, { allow: ["ghcr.io"], ...Object.fromEntries(expected) });
});

Deno.test("loadConfig resolves cache_dir against the folder of the config file", async () => {
  using folder = new TemporaryFolder();
  const path = join(folder.path, "larder.yaml");
  Deno.writeTextFileSync(path, "cache_dir: ../cache\n");
  const { cache_dir } = await loadConfig(platform(), path);
  assert.equal(cache_dir, join(folder.path, "..", "cache"));
});

Deno.test("loadConfig returns nothing without a home folder", async () => {
  assert.deepEqual(await loadConfig(platform(), undefined), {});
});

Deno.test("loadConfig fails if the file that --config names is missing or a folder", async () => {
  using folder = new TemporaryFolder();
  for (const path of [join(folder.path, "absent.yaml"), folder.path]) {
    await assert.rejects(
      loadConfig(platform(folder.path), path),
      (error) => hasCode(error, "LDR_CONFIG") && error.message.includes(path),
    );
  }
});

Deno.test("loadConfig prints no warnings of the YAML parser", async () => {
  const said: string[] = [];
  const onWarning = (warning: Error) => said.push(warning.message);
  process.on("warning", onWarning);
  await assert.rejects(load("? [a]\n: b\n"));
  await new Promise((resolve) => setTimeout(resolve));
  process.off("warning", onWarning);
  assert.deepEqual(said, []);
});

Deno.test("loadConfig puts the home folder in place of ~/ in paths of the file, variables and --config", async () => {
  using folder = new TemporaryFolder();
  Deno.writeTextFileSync(
    join(folder.path, "c.yaml"),
    "cache_dir: ~/cache\nserve: {tls_key: key}\n",
  );
  const environment = platform(folder.path, { LARDER_SERVE_TLS_CERT: "~/cert" });
  assert.deepEqual(await loadConfig(environment, "~/c.yaml"), {
    cache_dir: join(folder.path, "cache"),
    serve: { tls_key: join(folder.path, "key"), tls_cert: join(folder.path, "cert") },
  });
});
