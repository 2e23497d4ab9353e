import { join } from "node:path";
import { diskError } from "../base/files/system_error.ts";
import { Layout } from "../store/layout.ts";
import { REGISTRY_FOLDER } from "../store/platform_dirs.ts";

/** An empty cache in the system's folder for temporary files, for packages that are not to be kept. */
export class ScratchCache implements Disposable {
  readonly #folder: string;
  readonly layout: Layout;

  /** @throws LarderError LDR_DISK* */
  constructor() {
    try {
      this.#folder = Deno.makeTempDirSync({ prefix: "larder-" });
    } catch (error) {
      throw diskError(error, "create a folder in", Deno.env.get("TMPDIR") ?? "/tmp");
    }
    this.layout = new Layout(join(this.#folder, REGISTRY_FOLDER));
  }

  [Symbol.dispose](): void {
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch {
      // What remains is in a folder that the system cleans.
    }
  }
}
