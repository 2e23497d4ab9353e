import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { parseDigest } from "../../../src/oci/digest.ts";
import { parseReference } from "../../../src/oci/reference.ts";
import {
  spinCommand,
  wasmtimeCommand,
  type WasmtimeRun,
} from "../../../src/run/external/commands.ts";

const digest = parseDigest(`sha256:${"0a".repeat(32)}`);
const other = parseDigest(`sha256:${"0b".repeat(32)}`);

function spin(reference: string, more: Partial<Parameters<typeof spinCommand>[0]> = {}) {
  return spinCommand({
    reference: parseReference(reference),
    manifestDigest: digest,
    cacheDir: "/cache/larder",
    plainHttp: false,
    env: new Map(),
    variables: new Map(),
    ...more,
  });
}

for (
  const [given, expected] of [
    ["ghcr.io/acme/app:v1", `ghcr.io/acme/app:v1@${digest}`],
    ["ghcr.io/acme/app", `ghcr.io/acme/app:latest@${digest}`],
    // The digest of an index is replaced by that of the image for this platform.
    [`ghcr.io/acme/app@${other}`, `ghcr.io/acme/app@${digest}`],
    [`ghcr.io/acme/app:v1@${other}`, `ghcr.io/acme/app:v1@${digest}`],
  ] as const
) {
  Deno.test(`spinCommand names the cached image of ${given}`, () => {
    const { args, env } = spin(given);
    assert.deepEqual(args, ["up", "-f", expected, "--cache-dir", "/cache/larder"]);
    assert.deepEqual(env, {});
  });
}

Deno.test("spinCommand puts Spin's options before those of triggers, and variables into the environment", () => {
  const { args, env } = spin("localhost:5000/app:v1", {
    plainHttp: true,
    listen: "127.0.0.1:8080",
    env: new Map([["A", "1"], ["B", "x=y z"]]),
    variables: new Map([["api_key", "secret"], ["n2", ""]]),
  });
  assert.deepEqual(args.slice(5), [
    "--insecure",
    "--env",
    "A=1",
    "--env",
    "B=x=y z",
    "--listen",
    "127.0.0.1:8080",
  ]);
  assert.deepEqual(env, { SPIN_VARIABLE_API_KEY: "secret", SPIN_VARIABLE_N2: "" });
});

function wasmtime(more: Partial<WasmtimeRun> = {}): readonly string[] {
  return wasmtimeCommand({
    name: "app",
    file: "/cache/wasm/sha256:0a",
    args: [],
    folders: [],
    env: new Map(),
    imports: [],
    entry: "wasi:cli/run@0.2.0",
    ...more,
  }).args;
}

Deno.test("wasmtimeCommand grants nothing by default", () => {
  assert.deepEqual(wasmtime(), ["run", "/cache/wasm/sha256:0a"]);
});

Deno.test("wasmtimeCommand puts grants before the file and the guest's arguments after it", () => {
  const args = wasmtime({
    args: ["--dir=/", "-", "a b"],
    folders: [{ host: "/home/me", guest: "/", readOnly: false }, {
      host: "-x",
      guest: "y",
      readOnly: false,
    }],
    env: new Map([["A", "x=y z"], ["B", ""]]),
    allowNet: true,
  });
  assert.deepEqual(args, [
    "run",
    "--dir=/home/me::/",
    "--dir=-x::y",
    "--env=A=x=y z",
    "--env=B=",
    "-Sinherit-network",
    "-Sallow-ip-name-lookup",
    "/cache/wasm/sha256:0a",
    "--dir=/",
    "-",
    "a b",
  ]);
});

const P3 = ["-Sp3", "-Wcomponent-model-async", "-Wcomponent-model-more-async-builtins"];

for (
  const [name, ...options] of [
    ["wasi:config/store@0.2.0-draft", "-Sconfig"],
    ["wasi:keyvalue/store@0.2.0-draft2", "-Skeyvalue"],
    ["wasi:nn/tensor@0.2.0-rc-2024-10-28", "-Snn"],
    ["wasi_ephemeral_nn.load", "-Snn"],
    ["wasi:tls/types@0.2.0-draft", "-Stls"],
    ["wasi:cli/environment@0.3.0", ...P3],
    ["wasi:cli/environment@0.2.3"],
    ["env.abort"],
  ]
) {
  Deno.test(`wasmtimeCommand enables ${options.join(" ") || "nothing"} for the import ${name}`, () => {
    const imports = [name!, name!, "wasi:io/poll@0.2.0"];
    assert.deepEqual(wasmtime({ imports }), ["run", ...options, "/cache/wasm/sha256:0a"]);
  });
}

Deno.test("wasmtimeCommand enables HTTP only with the network", () => {
  const imports = ["wasi:http/outgoing-handler@0.2.0"];
  assert.deepEqual(wasmtime({ imports, allowNet: true }).slice(1, -1), [
    "-Sinherit-network",
    "-Sallow-ip-name-lookup",
    "-Shttp",
  ]);
});

for (
  const [what, run, message] of [
    [
      "a folder read-only",
      { folders: [{ host: "/x", guest: "/", readOnly: true }] },
      /read-only/,
    ],
    [
      "a folder with :: in its path",
      { folders: [{ host: "/a::b", guest: "/", readOnly: false }] },
      /"::" in the path \/a::b/,
    ],
    ["single hosts", { allowNet: "example.com" }, /single hosts/],
    [
      "no host, if it imports HTTP",
      { imports: ["wasi:http/outgoing-handler@0.2.0"] },
      /app sends HTTP requests/,
    ],
    [
      "no host, if a server sends requests by WASI 0.3",
      { imports: ["wasi:http/client@0.3.0"], listen: { hostname: "127.0.0.1", port: 1 } },
      /app sends HTTP requests/,
    ],
    [
      "a host name to listen on",
      { listen: { hostname: "example.com", port: 1 } },
      /cannot listen on example\.com/,
    ],
  ] as const
) {
  Deno.test(`wasmtimeCommand refuses to grant ${what}`, () => {
    assert.throws(() => wasmtime(run), (error) => {
      assert.ok(hasCode(error, "LDR_USAGE"));
      assert.match(error.message, message);
      return true;
    });
  });
}

for (
  const [hostname, address] of [
    ["127.0.0.1", "127.0.0.1:3000"],
    ["::1", "[::1]:3000"],
    ["localhost", "127.0.0.1:3000"],
  ] as const
) {
  Deno.test(`wasmtimeCommand serves at ${hostname}`, () => {
    const args = wasmtime({ listen: { hostname, port: 3000 }, imports: ["wasi:http/types@0.2.0"] });
    assert.deepEqual(args, ["serve", `--addr=${address}`, "-Scli", "/cache/wasm/sha256:0a"]);
  });
}

Deno.test("wasmtimeCommand serves with the grants, and by WASI 0.3", () => {
  const args = wasmtime({
    listen: { hostname: "127.0.0.1", port: 0 },
    entry: "wasi:http/handler@0.3.0",
    folders: [{ host: "/x", guest: "/", readOnly: false }],
    env: new Map([["A", "B"]]),
    allowNet: true,
  });
  assert.deepEqual(args.slice(2, -1), [
    "-Scli",
    "--dir=/x::/",
    "--env=A=B",
    "-Sinherit-network",
    "-Sallow-ip-name-lookup",
    ...P3,
  ]);
});

Deno.test("wasmtimeCommand lets a command use the types of HTTP without the network", () => {
  const imports = ["wasi:http/types@0.2.0"];
  assert.deepEqual(wasmtime({ imports }), ["run", "-Shttp", "/cache/wasm/sha256:0a"]);
});

Deno.test("spinCommand passes the folder of the credentials in the environment", () => {
  const { args, env } = spin("ghcr.io/acme/app:v1", { dockerConfig: "/tmp/login" });
  assert.deepEqual(env, { DOCKER_CONFIG: "/tmp/login" });
  assert.ok(!args.includes("/tmp/login"));
});

Deno.test("wasmtimeCommand passes limits on", () => {
  const args = wasmtime({ maxMemory: 65_536, timeout: 1500 });
  assert.deepEqual(args.slice(1, -1), ["-Wmax-memory-size=65536", "-Wtimeout=1500ms"]);
});
