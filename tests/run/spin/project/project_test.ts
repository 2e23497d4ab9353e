import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { hasCode } from "../../../../src/base/errors.ts";
import { globPattern } from "../../../../src/run/spin/project/glob.ts";
import { projectApp } from "../../../../src/run/spin/project/project.ts";
import { mountTree } from "../../../../src/run/spin/static_files.ts";
import type { MountedFolder } from "../../../../src/run/wasi/filesystem/tree_volume.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

/** A folder with a manifest and files. */
class Project implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly path = join(this.#folder.path, "spin.toml");
  readonly #manifest: string;

  constructor(manifest: string, files: readonly string[] = []) {
    this.#manifest = manifest;
    for (const file of files) {
      const path = join(this.#folder.path, file);
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, file);
    }
  }

  /** Creates a symbolic link. */
  link(target: string, path: string): void {
    Deno.symlinkSync(target, join(this.#folder.path, path));
  }

  get app() {
    return projectApp(this.#manifest, this.path, () => undefined);
  }

  /** Returns the paths that the component sees. */
  files(): string[] {
    const { app, locate } = this.app;
    return pathsOf(mountTree(app.components.get("c")!, locate, "x")).toSorted();
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

function pathsOf(folder: MountedFolder, prefix = ""): string[] {
  return [...folder.entries].flatMap(([name, entry]) =>
    entry.kind === "folder" ? pathsOf(entry, `${prefix}${name}/`) : [`${prefix}${name}`]
  );
}

const V2 = `spin_manifest_version = 2
[application]
name = "shop"
`;

const withFiles = (files: string, more = "") =>
  `${V2}
[component.c]
source = "c.wasm"
files = ${files}
${more}`;

Deno.test("projectApp reads a manifest of version 2", () => {
  using project = new Project(`${V2}
    [application.trigger.http]
    base = "/base"
    [variables]
    greeting = { default = "hi" }
    token = { required = true, secret = true }
    [[trigger.http]]
    route = "/api/..."
    component = "c"
    [[trigger.http]]
    route = { private = true }
    component = { source = "inline.wasm" }
    [component.c]
    source = "c.wasm"
    environment = { MODE = "x" }
    variables = { text = "{{ greeting }}" }
    allowed_outbound_hosts = ["https://example.com"]
    key_value_stores = ["default"]
    sqlite_databases = ["main"]
    ai_models = ["llama2-chat"]`);
  const { app } = project.app;
  assert.deepEqual([app.name, app.basePath], ["shop", "/base"]);
  assert.deepEqual(Object.fromEntries(app.variables), {
    greeting: { default: "hi", secret: false },
    token: { secret: true },
  });
  assert.deepEqual(app.httpTriggers.map(({ route, target }) => [route, target]), [
    ["/api/...", { kind: "component", component: "c" }],
    [undefined, { kind: "component", component: "http trigger 2" }],
  ]);
  const { env, config, allowedOutboundHosts, keyValueStores, databases } = app.components.get("c")!;
  assert.deepEqual([[...env], [...config], allowedOutboundHosts, keyValueStores, databases], [
    [["MODE", "x"]],
    [["text", "{{ greeting }}"]],
    ["https://example.com"],
    ["default"],
    ["main"],
  ]);
});

Deno.test("projectApp reads a manifest of version 1", () => {
  using project = new Project(`spin_version = "1"
    name = "old"
    version = "1.0.0"
    trigger = { type = "http", base = "/" }
    [[component]]
    id = "c"
    source = "c.wasm"
    allowed_http_hosts = ["example.org"]
    config = { key = "x" }
    [component.trigger]
    route = "/..."`);
  const { app } = project.app;
  assert.equal(app.name, "old");
  assert.deepEqual(app.httpTriggers.map(({ route }) => route), ["/..."]);
  const { config, allowedHttpHosts } = app.components.get("c")!;
  assert.deepEqual([[...config], allowedHttpHosts], [[["key", "x"]], ["example.org"]]);
});

const SOURCES = ["a.txt", "img/a.png", "img/b.jpg", "img/deep/c.png", ".hidden", "site/index.html"];

for (
  const [files, expected] of [
    ['["a.txt"]', ["a.txt"]],
    ['["*"]', [".hidden", "a.txt"]],
    ['["img/*.png"]', ["img/a.png"]],
    ['["img/**/*.png"]', ["img/a.png", "img/deep/c.png"]],
    ['["**/*"]', SOURCES],
    ['["img"]', ["img/a.png", "img/b.jpg", "img/deep/c.png"]],
    ['[{ source = "site", destination = "/" }]', ["index.html"]],
    ['[{ source = "img", destination = "/x/y/" }]', ["x/y/a.png", "x/y/b.jpg", "x/y/deep/c.png"]],
    ['[{ source = "a.txt", destination = "b/c.txt" }]', ["b/c.txt"]],
    ["[{ source = 'img\\deep', destination = '/' }, 'img\\a.png']", ["c.png", "img/a.png"]],
    ['["nothing/*"]', []],
  ] as const
) {
  Deno.test(`projectApp finds the files ${files}`, () => {
    using project = new Project(withFiles(files), SOURCES);
    assert.deepEqual(project.files(), [...expected].toSorted());
  });
}

Deno.test("projectApp leaves out exclude_files, whose * also matches folders", () => {
  using project = new Project(
    withFiles('["**/*"]', 'exclude_files = ["img*.png", "a.*"]'),
    SOURCES,
  );
  assert.deepEqual(project.files(), [".hidden", "img/b.jpg", "site/index.html"]);
});

Deno.test("projectApp follows symbolic links that stay in the folder of the manifest", () => {
  using project = new Project(withFiles('["site", { source = "alias", destination = "/a" }]'), [
    "site/a.txt",
    "shared/b.txt",
  ]);
  project.link("../shared", "site/linked");
  project.link("../shared/b.txt", "site/b.txt");
  project.link(".", "site/loop");
  project.link("nothing", "site/broken");
  project.link("shared", "alias");
  assert.deepEqual(project.files(), ["a/b.txt", "site/a.txt", "site/b.txt", "site/linked/b.txt"]);
});

for (const [what, target] of [["file", "secret/x"], ["folder", "secret"]] as const) {
  Deno.test(`projectApp refuses a link to a ${what} outside, unless it is excluded`, () => {
    using outside = new Project("", ["secret/x"]);
    for (const files of ['["site"]', '["site/*"]', '["site/link"]']) {
      using project = new Project(withFiles(files), ["site/a.txt"]);
      project.link(join(dirname(outside.path), target), "site/link");
      assert.throws(
        () => project.app,
        (error) =>
          hasCode(error, "LDR_BAD_SPIN_MANIFEST") &&
          /site\/link(?:\/x)? is a link out of the folder of the manifest/.test(error.message),
        files,
      );
    }
    using project = new Project(withFiles('["site"]', 'exclude_files = ["site/l*"]'), [
      "site/a.txt",
    ]);
    project.link(join(dirname(outside.path), target), "site/link");
    assert.deepEqual(project.files(), ["site/a.txt"]);
  });
}

const FAULTS: [manifest: string, code: string, message: RegExp][] = [
  [withFiles('["../secret"]'), "LDR_BAD_SPIN_MANIFEST", /is outside the folder/],
  [withFiles('[{ source = "/etc", destination = "/" }]'), "LDR_BAD_SPIN_MANIFEST", /is outside/],
  [withFiles('["missing"]'), "LDR_NOT_FOUND", /no file or folder missing/],
  [withFiles('["a/."]'), "LDR_BAD_SPIN_MANIFEST", /ends in a folder/],
  [withFiles('["[b-a]"]'), "LDR_BAD_SPIN_MANIFEST", /the pattern .* is not valid/],
  [`${V2}[component.c]`, "LDR_BAD_SPIN_MANIFEST", /component.c.source is missing/],
  ["spin_manifest_version = 2", "LDR_BAD_SPIN_MANIFEST", /application is missing/],
  [
    `${V2}[[trigger.http]]\nroute = "/x"\ncomponent = "none"`,
    "LDR_BAD_SPIN_MANIFEST",
    /names the component "none"/,
  ],
  [
    withFiles("[]", 'allowed_outbound_hosts = ["http://b.spin.internal"]'),
    "LDR_UNSUPPORTED_WASM",
    /local_service_chaining/,
  ],
];

for (const [manifest, code, message] of FAULTS) {
  Deno.test(`projectApp reports ${code} with ${message}`, () => {
    using project = new Project(manifest);
    assert.throws(
      () => project.app,
      (error) => hasCode(error, code as "LDR_NOT_FOUND") && message.test(error.message),
    );
  });
}

Deno.test("projectApp says how a component is built that is missing", () => {
  using project = new Project(`${V2}
    [component.c]
    source = "target/c.wasm"
    build = { command = ["cargo build", "strip"], workdir = "api" }`);
  assert.throws(
    () => project.app.wasm("c"),
    (error) =>
      hasCode(error, "LDR_NOT_FOUND") && error.message.includes("target/c.wasm") &&
      error.hint === "build it first: cargo build && strip (in api)",
  );
});

for (
  const [glob, path, matches, crosses] of [
    ["*.txt", "a.txt", true, false],
    ["*.txt", "a/b.txt", false, false],
    ["*.txt", "a/b.txt", true, true],
    ["a?c", "abc", true, false],
    ["a[!b]c", "abc", false, false],
    ["a[b-d]c", "acc", true, false],
    ["a[^]c", "a^c", true, false],
    ["a+(b)|$", "a+(b)|$", true, false],
    ["**", "a/b/c", true, false],
    ["a/**/b", "a/b", true, false],
    ["a/**/b", "a/x/y/b", true, false],
  ] as const
) {
  Deno.test(`globPattern: "${glob}" ${matches ? "matches" : "does not match"} "${path}"${crosses ? " across folders" : ""}`, () => {
    assert.equal(globPattern(glob, crosses).test(path), matches);
  });
}
