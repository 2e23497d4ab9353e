import assert from "node:assert/strict";
import { blob, image, randomBytes } from "../cache/artifacts.ts";
import { assertStoreSound } from "../cache/store_check.ts";
import { QuickUser } from "./in_process.ts";
import { type Result, TestUser } from "./test_user.ts";
import { S3Server } from "../registry/s3_server.ts";
import { TestRegistry } from "../registry/test_registry.ts";

export const LAYER = blob(randomBytes(64 * 1024, "shared layer"));
export const APP = image([LAYER, "a small one"]);
const KEY = "a key of more than thirty-two bytes\n";

/** A registry, a bucket, and machines that share the bucket. */
export class Team implements AsyncDisposable {
  readonly #machines: TestUser[] = [];

  private constructor(readonly upstream: TestRegistry, readonly s3: S3Server) {}

  static async start(): Promise<Team> {
    const team = new Team(await TestRegistry.start(), await S3Server.start());
    team.upstream.add("app", APP, "v1");
    return team;
  }

  /** A machine with an empty cache that reads, and writes if the settings say so. */
  machine(settings: object = {}, create = () => new TestUser()): TestUser {
    const user = create();
    this.#machines.push(user);
    user.write("shared.key", KEY);
    Deno.chmodSync(user.path("shared.key"), 0o600);
    user.write(".config/larder/config.yaml", {
      shared: this.s3.settings({ key_file: user.path("shared.key"), ...settings }),
    });
    return user;
  }

  async run(user: TestUser, ...args: string[]): Promise<Result> {
    const result = await user.larder(args, { env: this.s3.environment });
    assert.equal(result.code, 0, result.stderr);
    assertStoreSound(user.registry);
    return result;
  }

  get tag(): string {
    return this.upstream.reference("app", "v1");
  }

  get byDigest(): string {
    return `${this.upstream.host}/app@${APP.descriptor.digest}`;
  }

  /** Fills the bucket. */
  async write(...args: string[]): Promise<Result> {
    const result = await this.run(this.machine({ write: true }, () => new QuickUser()), ...args);
    this.s3.clearLog();
    this.upstream.clearLog();
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const user of this.#machines) user[Symbol.dispose]();
    await this.upstream[Symbol.asyncDispose]();
    await this.s3[Symbol.asyncDispose]();
  }
}

export function warnings({ stderr }: Result): string[] {
  return stderr.split("\n").filter((line) => line.startsWith("warning:"));
}

/** Returns the arguments of a build whose command leaves a trace where it runs. */
export function buildArgs(user: TestUser): string[] {
  const spec = user.write("project/image.yaml", {
    run: ["sh", "-c", "echo ran >&2; echo content > $LARDER_OUTPUT; chmod +x $LARDER_OUTPUT"],
    output: "image.img",
  });
  return ["build", spec, "--sandbox", "none", "-o", user.path("image.img")];
}
