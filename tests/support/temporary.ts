import { join } from "node:path";

/** A temporary folder that is removed with its content at the end of the test. */
export class TemporaryFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "larder-test-" });

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Adds a test with a temporary folder. @param body gets a function that returns the path of a name in it */
export function withFolder(name: string, body: (path: (name: string) => string) => void): void {
  Deno.test(name, () => {
    using folder = new TemporaryFolder();
    body((name) => join(folder.path, name));
  });
}
