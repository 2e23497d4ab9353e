// deno-lint-ignore-file no-console
import { TemporaryFolder } from "../temporary.ts";
import { run } from "./commands.ts";

/** A mount point that is unmounted at the end of the test. */
export class MountedFolder implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();

  private constructor() {}

  get path(): string {
    return this.#folder.path;
  }

  /** Mounts an empty file system of the given size (`1m`). @param options such as `nr_inodes=60` */
  static tmpfs(size: string, ...options: string[]): Promise<MountedFolder> {
    const all = [`size=${size}`, ...options].join(",");
    return MountedFolder.#mount(["-t", "tmpfs", "-o", all, "tmpfs"]);
  }

  /** Mounts another folder read-only. */
  static async readOnly(folder: string): Promise<MountedFolder> {
    const mounted = await MountedFolder.#mount(["--bind", folder]);
    await run("mount", ["-o", "remount,bind,ro", mounted.path]);
    return mounted;
  }

  static async #mount(args: string[]): Promise<MountedFolder> {
    const mounted = new MountedFolder();
    try {
      await run("mount", [...args, mounted.path]);
      return mounted;
    } catch (error) {
      mounted.#folder[Symbol.dispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", [this.path]);
    this.#folder[Symbol.dispose]();
  }
}

/** Why mounting is not possible, or undefined if it is. */
const skipReason: string | undefined = await tryMounting();

async function tryMounting(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only tried on Linux";
  try {
    await using _ = await MountedFolder.tmpfs("64k");
    return undefined;
  } catch (error) {
    return `mounting is not permitted: ${(error as Error).message}`;
  }
}

/** Registers a test that mounts file systems. It is skipped with a reason if mounting is not possible. */
export function mountTest(name: string, test: (t: Deno.TestContext) => Promise<void>): void {
  if (skipReason) console.warn(`not run: "${name}" (${skipReason})`);
  Deno.test({ name, ignore: skipReason !== undefined, fn: test });
}
