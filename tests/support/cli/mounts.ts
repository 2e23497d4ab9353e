// deno-lint-ignore-file no-console
import { run } from "./commands.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A folder that something is mounted on until the end of the test. */
export class MountedFolder implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();

  private constructor() {}

  get path(): string {
    return this.#folder.path;
  }

  /** A disk of its own, of the given size (`1m`). */
  static tmpfs(size: string): Promise<MountedFolder> {
    return MountedFolder.#mount(["-t", "tmpfs", "-o", `size=${size}`, "tmpfs"]);
  }

  /** Another folder, to be read only. */
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

/** Why nothing can be mounted here, or undefined where it can. */
const mountingRefused: string | undefined = await tryMounting();

async function tryMounting(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "only tried on Linux";
  try {
    await using _ = await MountedFolder.tmpfs("64k");
    return undefined;
  } catch (error) {
    return `mounting is not permitted: ${(error as Error).message}`;
  }
}

/** A test of a disk that is full or read-only; where nothing can be mounted it says that it was not run. */
export function mountTest(name: string, test: (t: Deno.TestContext) => Promise<void>): void {
  if (mountingRefused) console.warn(`not run: "${name}" (${mountingRefused})`);
  Deno.test({ name, ignore: mountingRefused !== undefined, fn: test });
}
