import assert from "node:assert/strict";
import { join } from "node:path";
import { type Artifact, blob, image, randomBytes } from "../cache/artifacts.ts";
import { filesBelow } from "../cache/store_check.ts";
import { DAY } from "../cache/test_cache.ts";
import { TestRegistry } from "../registry/test_registry.ts";
import { QuickUser } from "./in_process.ts";
import { MountedFolder } from "./mounts.ts";
import type { Result, Running } from "./test_user.ts";

/** 1 MB, the size of an old entry. */
const MB = 1_000_000;

/** A user whose cache is on a small disk, with a config, a registry, and entries of 1 MB unused for a day and more. */
export class SmallDisk implements AsyncDisposable {
  readonly #user = new QuickUser();
  /** Variables for every larder. */
  env: Readonly<Record<string, string>> = {};

  private constructor(readonly registry: TestRegistry, readonly disk: MountedFolder) {}

  /** @param options.old the number of old entries */
  static async start(
    size: string,
    config: string,
    { old = 5, options = [] }: { old?: number; options?: readonly string[] } = {},
  ): Promise<SmallDisk> {
    const small = new SmallDisk(
      await TestRegistry.start(),
      await MountedFolder.tmpfs(size, ...options),
    );
    small.config("{}");
    await small.addOld(old);
    small.config(config);
    return small;
  }

  /** Pulls entries of 1 MB, the first of which is the oldest. */
  async addOld(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await this.pullOld(`old${i}`, image([blob(randomBytes(MB, `${i}`))]), count - i);
    }
  }

  /** Returns a path in the home folder, which is on another disk. */
  path(name: string): string {
    return this.#user.path(name);
  }

  config(text: string): void {
    this.#user.write("config.yaml", text);
  }

  get root(): string {
    return join(this.disk.path, "registry");
  }

  async pullOld(name: string, artifact: Artifact, days: number): Promise<void> {
    const before = new Set(filesBelow(this.disk.path));
    const { code, stderr } = await this.quick("pull", this.registry.add(name, artifact, "v1"));
    assert.equal(code, 0, stderr);
    const time = new Date(Date.now() - days * DAY);
    for (const path of filesBelow(this.disk.path)) {
      if (!before.has(path)) Deno.utimeSync(path, time, time);
    }
  }

  async larder(...args: string[]): Promise<Result> {
    await using running = this.spawn(...args);
    return await running.result;
  }

  spawn(...args: string[]): Running {
    return this.#user.spawn([...this.#options(), ...args], { env: this.env });
  }

  /** Runs a command that is not the one to be tested. */
  async quick(...args: string[]): Promise<Result> {
    return await this.#user.larder([...this.#options(), ...args], { env: this.env });
  }

  #options(): string[] {
    return ["--cache-dir", this.disk.path, "--config", this.#user.path("config.yaml")];
  }

  /** Returns the names of the entries without their registry, sorted. */
  async names(): Promise<string[]> {
    const { stdout } = await this.quick("list", "--format", "{{name}}");
    return stdout.trim().split("\n").map((name) => name.replace(/^.*\//, "")).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#user[Symbol.dispose]();
    await this.disk[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}
