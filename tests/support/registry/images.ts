import { join } from "node:path";
import { run } from "../cli/commands.ts";
import { TemporaryFolder } from "../temporary.ts";

export interface BuildOptions {
  /** File names and texts of each layer. */
  readonly layers: readonly Readonly<Record<string, string>>[];
  readonly architecture?: string;
}

/** An OCI layout on disk, one image per tag, which umoci builds and skopeo pushes. */
export class OciLayout implements Disposable {
  readonly #folder = new TemporaryFolder();

  private constructor() {}

  static async create(): Promise<OciLayout> {
    const layout = new OciLayout();
    await run("umoci", ["init", "--layout", layout.path]);
    return layout;
  }

  get path(): string {
    return join(this.#folder.path, "layout");
  }

  /** Builds an image from scratch, layer by layer. */
  async build(tag: string, options: BuildOptions): Promise<void> {
    const image = `${this.path}:${tag}`;
    await run("umoci", ["new", "--image", image]);
    const architecture = options.architecture ?? "amd64";
    await run("umoci", ["config", "--image", image, "--architecture", architecture]);
    for (const [number, files] of options.layers.entries()) {
      const tar = await this.#tar(`${tag}-${number}`, files);
      await run("umoci", ["raw", "add-layer", "--image", image, tar]);
    }
  }

  /**
   * Pushes an image with skopeo and returns its digest in the registry.
   *
   * @param target `127.0.0.1:5000/team/app:v1`
   * @param format `v2s2` for Docker's schema 2
   */
  async push(
    tag: string,
    target: string,
    options: { format?: "oci" | "v2s2"; credentials?: string } = {},
  ): Promise<string> {
    const digestFile = join(this.#folder.path, "digest");
    await run("skopeo", [
      ...["--insecure-policy", "copy", "--quiet", "--digestfile", digestFile],
      ...["--format", options.format ?? "oci"],
      ...["--dest-tls-verify=false"],
      ...options.credentials ? ["--dest-creds", options.credentials] : ["--dest-no-creds"],
      ...[`oci:${this.path}:${tag}`, `docker://${target}`],
    ]);
    return Deno.readTextFileSync(digestFile).trim();
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }

  async #tar(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    const folder = join(this.#folder.path, name);
    Deno.mkdirSync(folder);
    for (const [file, text] of Object.entries(files)) {
      Deno.writeTextFileSync(join(folder, file), text);
    }
    const tar = `${folder}.tar`;
    // Without time and user, so that a layer that is built again has the same digest.
    const same = ["--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    const names = Object.keys(files);
    await run("tar", ["--directory", folder, ...same, "--create", "--file", tar, ...names]);
    return tar;
  }
}
