// deno-lint-ignore-file no-console
import { join } from "node:path";

/** Two of the capabilities of root, without which the permissions of files apply to root too. */
const OVERRIDES = "-dac_override,-dac_read_search";

/** The number of the user `nobody`, to whom files are given. */
const NOBODY = 65534;

const isRoot = Deno.uid() === 0;

/** What runs larder as a user to whom permissions apply: the tests may run as root. */
export const AS_USER: readonly string[] = isRoot ? ["setpriv", `--bounding-set=${OVERRIDES}`] : [];

/** True if files can be given to another user, whose name is then in the messages. */
export const hasOtherOwner = isRoot;

/** Takes a file or folder away from the user: it belongs to `nobody`, or without root it has no permissions. */
export function takeAway(path: string): void {
  if (Deno.lstatSync(path).isDirectory) {
    for (const { name } of Deno.readDirSync(path)) takeAway(join(path, name));
  }
  if (isRoot) {
    Deno.chownSync(path, NOBODY, NOBODY);
    Deno.chmodSync(path, Deno.lstatSync(path).isDirectory ? 0o700 : 0o600);
  } else {
    Deno.chmodSync(path, 0);
  }
}

/** Gives back what {@link takeAway} took. */
export function giveBack(path: string): void {
  const { isDirectory } = Deno.lstatSync(path);
  if (isRoot) Deno.chownSync(path, 0, 0);
  Deno.chmodSync(path, isDirectory ? 0o700 : 0o600);
  if (!isDirectory) return;
  for (const { name } of Deno.readDirSync(path)) giveBack(join(path, name));
}

/** Registers a test whose files cannot be read; as root it needs `setpriv` of util-linux. */
export function otherOwnerTest(name: string, fn: () => Promise<void>): void {
  const reason = Deno.build.os === "windows"
    ? "Windows has no owners by number"
    : isRoot && !hasSetpriv()
    ? "the tests run as root, and there is no setpriv"
    : undefined;
  if (reason !== undefined) console.warn(`not run: "${name}" (${reason})`);
  Deno.test({ name, ignore: reason !== undefined, fn });
}

function hasSetpriv(): boolean {
  try {
    return new Deno.Command("setpriv", { args: ["--version"], stdout: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
