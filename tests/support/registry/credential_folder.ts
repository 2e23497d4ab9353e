import { join } from "node:path";
import { readTextIfAny } from "../../../src/base/files/files.ts";
import { FileCredentials } from "../../../src/registry/credentials/file_credentials.ts";
import { FakeClock } from "../fake_clock.ts";
import { TemporaryFolder } from "../temporary.ts";

/** A folder for credential files and, on the PATH, helper programs. */
export class CredentialFolder implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly #path = Deno.env.get("PATH");
  readonly clock = new FakeClock();

  constructor() {
    Deno.env.set("PATH", `${this.#folder.path}:${this.#path}`);
  }

  path(name: string): string {
    return join(this.#folder.path, name);
  }

  /** Writes a file, an object as JSON. */
  write(name: string, content: string | object): string {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    Deno.writeTextFileSync(this.path(name), text);
    return this.path(name);
  }

  /** Installs `docker-credential-NAME`, which records its calls in the file `calls`. */
  helper(name: string, script: string): void {
    const note = `read -r server; echo "$1 $server" >> '${this.path("calls")}'`;
    const path = this.write(`docker-credential-${name}`, `#!/bin/sh\n${note}\n${script}\n`);
    Deno.chmodSync(path, 0o755);
  }

  /** The arguments and input of the calls of helpers. */
  get calls(): string[] {
    return readTextIfAny(this.path("calls"))?.trim().split("\n") ?? [];
  }

  /** Returns the credentials in these files, in order. */
  credentials(...names: string[]): FileCredentials {
    return new FileCredentials(names.map((name) => this.path(name)), this.clock);
  }

  [Symbol.dispose](): void {
    Deno.env.set("PATH", this.#path ?? "");
    this.#folder[Symbol.dispose]();
  }
}

/** The value of `auth` for `user:secret`. */
export const auth = (text: string) => btoa(text);

/** An entry of `auths` for `user:secret`. */
export const entry = (text: string) => ({ auth: auth(text) });

/** Returns `user:secret`, `<identity user>:…`, `<registry>:…`, or undefined. */
export async function findCredential(
  source: FileCredentials,
  registry: string,
  repository?: string,
): Promise<string | undefined> {
  const credential = await source.find(registry, repository);
  if (!credential) return undefined;
  if ("password" in credential) return `${credential.username}:${credential.password}`;
  if ("registryToken" in credential) return `<registry>:${credential.registryToken}`;
  return `<identity ${credential.username ?? ""}>:${credential.identityToken}`;
}
