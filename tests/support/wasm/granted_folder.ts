import { join } from "node:path";
import { Denials } from "../../../src/run/grants/denials.ts";
import { makeSymlink } from "../../../src/run/engine/command/symlinks.ts";
import { OpenDirectory, type OpenOptions } from "../../../src/run/wasi/filesystem/directory.ts";
import { HostVolume } from "../../../src/run/wasi/filesystem/host_volume.ts";
import { InstanceResources } from "../../../src/run/wasi/resources.ts";
import { TemporaryFolder } from "../temporary.ts";

/** Options to open any existing path for reading. */
export const READ: OpenOptions = {
  follow: true,
  create: false,
  exclusive: false,
  truncate: false,
  directory: false,
  read: true,
  write: false,
};

/** The content of files that are not granted. */
export const HIDDEN = "not granted";

/** A folder that a guest is granted, beside a folder with hidden files that it is not. */
export class GrantedFolder implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly #resources = new InstanceResources();
  readonly root = Deno.realPathSync(this.#folder.path);
  readonly granted = join(this.root, "granted");
  readonly denials: string[] = [];

  constructor() {
    Deno.mkdirSync(join(this.root, "outside/a"), { recursive: true });
    Deno.mkdirSync(this.granted);
    Deno.writeTextFileSync(join(this.root, "outside/secret"), HIDDEN);
    Deno.writeTextFileSync(join(this.root, "outside/a/b"), HIDDEN);
  }

  /** @param links whether the guest may create symbolic links, as commands may */
  open({ readOnly = false, links = true } = {}): OpenDirectory {
    const mount = {
      guest: "/data",
      host: this.granted,
      volume: new HostVolume(this.granted, readOnly, links ? makeSymlink : undefined),
      denials: new Denials("options", (line) => this.denials.push(line)),
    };
    return new OpenDirectory(mount, [], this.#resources);
  }

  /** Returns the names and contents of everything outside of the granted folder, as text. */
  outside(): string {
    const beside = [...Deno.readDirSync(this.root)].map(({ name }) => name).sort();
    return JSON.stringify([beside, listing(join(this.root, "outside"))]);
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

/** Returns the names and contents below a folder. */
export function listing(path: string): unknown[] {
  return [...Deno.readDirSync(path)].map((entry) => {
    const inner = join(path, entry.name);
    if (entry.isSymlink) return [entry.name, Deno.readLinkSync(inner)];
    return [entry.name, entry.isDirectory ? listing(inner) : Deno.readTextFileSync(inner)];
  });
}
