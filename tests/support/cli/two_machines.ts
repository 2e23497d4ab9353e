import assert from "node:assert/strict";
import { join } from "node:path";
import { blob, image, index, randomBytes } from "../cache/artifacts.ts";
import { assertNoStrayFiles, assertStoreSound } from "../cache/store_check.ts";
import { debBytes, FileServer } from "../registry/file_server.ts";
import { TestRegistry } from "../registry/test_registry.ts";
import { type Result, TestUser } from "./test_user.ts";

const LAYER = blob(randomBytes(64 * 1024, "in a shared cache"));
const APP = image([LAYER]);
const OTHER = image(["of a platform that is not pulled"]);
const INDEX = index([
  { artifact: APP, platform: { os: "linux", architecture: "amd64" } },
  { artifact: OTHER, platform: { os: "linux", architecture: "s390x" } },
]);

/** How two machines use one shared cache. */
export interface Sharing {
  /** The settings of `shared`. */
  readonly shared: object;
  /** Other settings. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each machine before it uses the shared cache. */
  readonly prepare?: (user: TestUser) => Promise<void>;
}

/**
 * Checks that one machine writes an image, a package and a build to a shared cache, and that another one has all of
 * them from there, also the rest of a download that it has begun, while the registry and the server are away.
 */
export async function assertShared({ shared, config, env = {}, prepare }: Sharing): Promise<void> {
  using writer = new TestUser();
  using reader = new TestUser();
  for (const user of [writer, reader]) {
    user.write("shared.key", "a key of more than thirty-two bytes");
    Deno.chmodSync(user.path("shared.key"), 0o600);
    user.write(".config/larder/config.yaml", {
      ...config,
      shared: { ...shared, write: user === writer, key_file: user.path("shared.key") },
    });
    await prepare?.(user);
  }
  const upstream = await TestRegistry.start();
  const server = await FileServer.start();
  upstream.add("app", INDEX, "v1");
  const reference = `${upstream.host}/app@${INDEX.descriptor.digest}`;
  const url = server.add("/pool/hello_2.10-3_amd64.deb", debBytes(64 * 1024));
  const spec = writer.write("image.yaml", {
    run: ["sh", "-c", "echo ran >&2; echo 1 > $LARDER_OUTPUT"],
    output: "image.img",
  });
  const commands = [
    ["pull", "--platform", "linux/amd64", reference],
    ["fetch", url],
    ["build", spec, "--sandbox", "none", "-o", writer.path("image.img")],
  ];
  try {
    for (const command of commands) {
      const { stderr } = await good(writer, command, env);
      assert.match(stderr, /wrote \d objects .* to the shared cache /);
      assert.doesNotMatch(stderr, /\(shared\)/);
    }
  } finally {
    await upstream[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
  const partial = join(reader.registry, "partial", LAYER.descriptor.digest);
  reader.write(partial.slice(reader.home.length + 1), LAYER.bytes.subarray(0, 1000));
  for (const command of commands) {
    const { stderr } = await good(reader, command, env);
    assert.match(stderr, /\(shared\)/);
    assert.doesNotMatch(stderr, /^ran$/m);
  }
}

/** Runs larder, which must succeed without a warning. */
async function good(
  user: TestUser,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Result> {
  const result = await user.larder(args, { env });
  assert.equal(result.code, 0, result.stderr);
  assert.doesNotMatch(result.stderr, /warning:/);
  assertStoreSound(user.registry);
  assertNoStrayFiles(user.registry);
  return result;
}
