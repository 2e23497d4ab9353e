import assert from "node:assert/strict";
import { componentEmbed, componentNew, parse } from "@bytecodealliance/jco";
import {
  type Artifact,
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  multiPlatform,
  utf8,
  wasmArtifact,
  wasmModule,
} from "../support/cache/artifacts.ts";
import { type App, type AppComponent, packApp } from "../support/cache/spin_apps.ts";
import { TestUser } from "../support/cli/test_user.ts";
import { TestRegistry } from "../support/registry/test_registry.ts";
import { guestBytes, moduleBytes } from "../support/wasm/components.ts";
import { encodeComponent, encodeModule } from "../support/wasm/wasm_encoder.ts";

/** How a failed run ends. */
interface Expected {
  readonly code?: number;
  /** Texts that the error and its hint contain. */
  readonly says: readonly (string | RegExp)[];
  /** True if a component may be compiled before the failure. */
  readonly compiles?: boolean;
}

async function assertFails(
  user: TestUser,
  subject: string,
  { code = 1, says, compiles = false }: Expected,
): Promise<void> {
  const result = await user.larder(["run", "--listen", "127.0.0.1:0", subject]);
  assert.equal(result.stdout, "");
  assert.equal(result.code, code, result.stderr);
  const [error, hint] = result.stderr.trimEnd().split("\n").slice(-2);
  assert.match(error!, /^error: .+ \[LDR_\w+\]$/);
  assert.match(hint!, /^hint: .+$/);
  for (const text of says) {
    const lines = `${error}\n${hint}`;
    assert.ok(typeof text === "string" ? lines.includes(text) : text.test(lines), lines);
  }
  assert.doesNotMatch(result.stderr, /Serving/);
  if (!compiles) assert.doesNotMatch(result.stderr, /compiling/);
}

/** Returns the module of a WASI command after a change. */
async function command(change: (bytes: Uint8Array) => Uint8Array): Promise<Uint8Array> {
  return change(await moduleBytes("preview1_command"));
}

Deno.test("run names the reason for a file that it cannot run", async (t) => {
  using user = new TestUser();
  const http = await guestBytes("http_cases");
  const files: [name: string, content: Uint8Array, expected: Expected][] = [
    ["text.wasm", utf8("no Wasm at all"), { says: ["LDR_BAD_WASM", "text.wasm"] }],
    ["empty.wasm", new Uint8Array(), { says: ["LDR_BAD_WASM"] }],
    ["header.wasm", http.subarray(0, 7), { says: ["LDR_BAD_WASM"] }],
    ["cut-component.wasm", http.subarray(0, http.length - 100), { says: ["LDR_BAD_WASM"] }],
    ["cut-module.wasm", await command((all) => all.subarray(0, -1)), { says: ["LDR_BAD_WASM"] }],
    ["nothing.wasm", wasmModule(), { says: ["LDR_NOT_RUNNABLE", "exports nothing"] }],
    [
      "library.wasm",
      encodeComponent({ exports: ["acme:shop/cart@1.0.0"] }),
      { says: ["LDR_NOT_RUNNABLE", "acme:shop/cart"] },
    ],
    [
      "blob-store.wasm",
      encodeComponent({
        imports: ["wasi:blobstore/container@0.2.0-draft-2024-09-01", "wasi:io/streams@0.2.0"],
        exports: ["wasi:http/incoming-handler@0.2.0"],
      }),
      {
        says: [
          "LDR_UNSUPPORTED_WASM",
          "wasi:blobstore/container@0.2.0-draft-2024-09-01",
          "the host that it was made for",
        ],
      },
    ],
    [
      "newer.wasm",
      encodeComponent({
        imports: ["wasi:tls/client@0.3.0-draft"],
        exports: ["wasi:cli/run@0.3.1"],
      }),
      { says: ["LDR_UNSUPPORTED_WASM", "wasi:tls/client@0.3.0-draft", "--engine wasmtime"] },
    ],
    [
      "host.wasm",
      encodeModule({ imports: [["env", "log"]], exports: ["_start"] }),
      { says: ["LDR_UNSUPPORTED_WASM", "env.log", "the host that it was made for"] },
    ],
  ];
  for (const [name, content, expected] of files) {
    await t.step(name, async () => {
      user.write(name, content);
      await assertFails(user, name, expected);
    });
  }
  await t.step("missing.wasm", async () => {
    await assertFails(user, "missing.wasm", { code: 3, says: ["LDR_NOT_FOUND", "missing.wasm"] });
  });
  await t.step("a link to nothing", async () => {
    Deno.symlinkSync("missing.wasm", user.path("link.wasm"));
    await assertFails(user, "link.wasm", { code: 3, says: ["LDR_NOT_FOUND", "link.wasm"] });
  });
  await t.step("a folder without a spin.toml", async () => {
    await assertFails(user, "./", { code: 3, says: ["LDR_NOT_FOUND", "no spin.toml"] });
  });
  await t.step("a pipe without a writer", async () => {
    await new Deno.Command("mkfifo", { args: [user.path("pipe.wasm")] }).output();
    await assertFails(user, "pipe.wasm", { says: ["LDR_BAD_WASM", "pipe.wasm"] });
  });
});

Deno.test("run executes no code in the names of a component", async () => {
  using user = new TestUser();
  const evil = "a':globalThis.p(),'b";
  const wat = `(component
    (core module $a (func (export "f")))
    (core instance $a (instantiate $a))
    (core module $b (import "${evil}" "f" (func $f)) (export "g" (func $f)))
    (core instance $b (instantiate $b (with "${evil}" (instance $a))))
    (func (export "go") (canon lift (core func $b "g"))))`;
  user.write("evil.wasm", await parse(wat));
  await assertFails(user, "evil.wasm", { says: ["LDR_BAD_WASM", "a name"] });
});

Deno.test("run names the kind of an image that it cannot run", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const two = [blob(wasmModule("a"), MEDIA_TYPES.wasm), blob(wasmModule("b"), MEDIA_TYPES.wasm)];
  const config = blob("{}", MEDIA_TYPES.wasmConfig);
  const other = blob("{}", "application/vnd.acme.chart.v1+json");
  const cases: [name: string, artifact: Artifact, expected: Expected][] = [
    ["container", image(["a layer"]), {
      says: ["LDR_NOT_RUNNABLE", "a container image", "podman or docker"],
    }],
    ["docker", image(["a layer"], { docker: true }), {
      says: ["LDR_NOT_RUNNABLE", "a container image"],
    }],
    ["platforms", multiPlatform("linux/amd64", "linux/arm64"), {
      says: ["LDR_NOT_RUNNABLE", /a container image for linux\/(?:amd|arm)64/],
    }],
    ["chart", image([blob("tar")], { config: other }), {
      says: ["LDR_NOT_RUNNABLE", "application/vnd.acme.chart.v1+json"],
    }],
    ["several", image(two, { config }), { says: ["LDR_NOT_RUNNABLE", "2 Wasm layers"] }],
    ["text", wasmArtifact(utf8("no Wasm at all")), { says: ["LDR_BAD_WASM"] }],
  ];
  for (const [name, artifact, expected] of cases) {
    await t.step(name, async () => {
      await assertFails(user, registry.add(name, artifact, "v1"), expected);
    });
  }
  await t.step("missing", async () => {
    await assertFails(user, registry.reference("missing"), { code: 3, says: ["LDR_NOT_FOUND"] });
  });
});

Deno.test("run names the reason for an app that it cannot run before it compiles anything", async (t) => {
  await using registry = await TestRegistry.start();
  using user = new TestUser();
  const good: AppComponent = { wasm: await guestBytes("http_cases") };
  const absent = digestOf(utf8("not in the manifest"));
  const missingFile = { files: [{ path: "a.txt", digest: absent }] };
  const source = { source: { content_type: "application/wasm", digest: absent } };
  const withPath = (path: string) => ({ files: [{ path, digest: digestOf(utf8("text")) }] });
  const one = (component: AppComponent): App => ({
    components: { good, one: component },
    routes: { "/a": "good", "/b": "one" },
  });
  const trigger = {
    id: "t",
    trigger_type: "redis",
    trigger_config: { channel: "c", component: "good" },
  };
  const cases: [name: string, app: App, expected: Expected][] = [
    ["a component missing from the image", one({ ...good, members: source }), {
      says: ["LDR_BAD_MANIFEST", '"one"', absent],
    }],
    ["a static file missing from the image", one({ ...good, members: missingFile }), {
      code: 3,
      says: ["LDR_NOT_CACHED", '"a.txt"', absent],
    }],
    ["a static file above its mount", one({ ...good, members: withPath("../a.txt") }), {
      says: ["LDR_BAD_MANIFEST", "../a.txt", "leaves the mount"],
    }],
    ["a static file with an odd path", one({ ...good, members: withPath("a//b") }), {
      says: ["LDR_BAD_MANIFEST", "a//b"],
    }],
    ["a component that is not Wasm", one({ wasm: utf8("text") }), {
      says: ["LDR_BAD_WASM", '"one"'],
    }],
    ["a component that is a command", one({ wasm: await guestBytes("command_cases") }), {
      says: ["LDR_NOT_RUNNABLE", '"one"', "HTTP"],
    }],
    [
      "an interface that the engine lacks",
      one({
        wasm: encodeComponent({
          imports: ["wasi:blobstore/container@0.2.0-draft-2024-09-01", "fermyon:spin/llm@2.0.0"],
          exports: ["wasi:http/incoming-handler@0.2.0"],
        }),
      }),
      {
        says: ["LDR_UNSUPPORTED_WASM", '"one"', "wasi:blobstore/container", "only the host"],
      },
    ],
    ["another trigger", { ...one(good), members: { triggers: [trigger] } }, {
      says: ["LDR_UNSUPPORTED_WASM", "redis", "--engine spin"],
    }],
    ["no trigger", { ...one(good), members: { triggers: [] } }, { says: ["LDR_NOT_RUNNABLE"] }],
    ["a route without its component", { components: { good }, routes: { "/...": "gone" } }, {
      says: ["LDR_BAD_MANIFEST", '"gone"'],
    }],
    ["an invalid host", one({ ...good, outboundHosts: ["no host"] }), {
      says: ["LDR_BAD_MANIFEST", "no host"],
    }],
    ["a variable that the app does not declare", one({ ...good, variables: { a: "{{ b }}" } }), {
      says: ["LDR_BAD_MANIFEST", '"b"'],
    }],
  ];
  for (const [name, app, expected] of cases) {
    await t.step(name, async () => {
      const artifact = await packApp(app);
      await assertFails(
        user,
        registry.add(name.toLowerCase().replaceAll(/\W/g, "-"), artifact, "v1"),
        expected,
      );
    });
  }
});

Deno.test("run fails before it serves a component that imports an unknown function", async () => {
  using user = new TestUser();
  const wat = `(module
    (import "wasi:random/random@0.2.99" "get-better" (func $better (result i64)))
    (memory (export "memory") 1)
    (func (export "wasi:http/incoming-handler@0.2.99#handle") (param i32 i32)
      (drop (call $better))))`;
  const witSource = `package larder:test;
    world guest {
      import wasi:random/random@0.2.99;
      export wasi:http/incoming-handler@0.2.99;
    }
    package wasi:random@0.2.99 { interface random { get-better: func() -> u64; } }
    package wasi:http@0.2.99 {
      interface types { resource incoming-request; resource response-outparam; }
      interface incoming-handler {
        use types.{incoming-request, response-outparam};
        handle: func(request: incoming-request, response-out: response-outparam);
      }
    }`;
  const binary = await parse(wat);
  const embedded = await componentEmbed({ binary, witSource, world: "guest" });
  user.write("newer.wasm", await componentNew(embedded, []));
  const says = [
    "LDR_GUEST",
    "cannot load the component: the host has no getBetter in wasi:random/random",
    "--engine",
  ];
  await assertFails(user, "newer.wasm", { says, compiles: true });
});
