import { join } from "node:path";
import type { ListDeps } from "../../../src/packages/lists/list_deps.ts";
import { resolvePackages } from "../../../src/packages/lists/resolve.ts";
import type { PackageRequest } from "../../../src/packages/package_request.ts";
import { httpTransport } from "../../../src/registry/http/transport_stack.ts";
import { Layout } from "../../../src/store/layout.ts";
import { FakeClock } from "../fake_clock.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A cache in a temporary folder, in which lists are resolved at the time of {@link FakeClock}. */
export class TestLists extends TemporaryFolder {
  readonly clock = new FakeClock();
  readonly layout = new Layout(join(this.path, "registry"));
  readonly notes: string[] = [];

  /** Writes a file, and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.path, name);
    Deno.mkdirSync(join(path, ".."), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
    return path;
  }

  /** Writes files by path into a folder, and returns its path. */
  writeAll(folder: string, files: ReadonlyMap<string, Uint8Array>): string {
    for (const [path, bytes] of files) this.write(join(folder, path), bytes);
    return join(this.path, folder);
  }

  /** Resolves a list for `amd64` or `x86_64`, whatever this machine is. */
  async resolve(
    list: string,
    wanted: readonly string[] = [],
    options: Partial<ListDeps> = {},
  ): Promise<PackageRequest[]> {
    return await resolvePackages(list, wanted, {
      layout: this.layout,
      transport: httpTransport({ clock: this.clock }),
      clock: this.clock,
      offline: false,
      arch: list.endsWith("repomd.xml") ? "x86_64" : "amd64",
      note: (message) => this.notes.push(message),
      ...options,
    });
  }
}
