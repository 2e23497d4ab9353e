import { LarderError } from "../../base/errors.ts";
import { bwrapFault, findBwrap } from "./bwrap.ts";
import type { Sandbox } from "../key/key.ts";

/** `auto` is bwrap if that works here. */
export type SandboxChoice = Sandbox | "auto";

/** Returns the sandbox of a choice without trying it: whether bwrap works matters only if the command runs. */
export function likelySandbox(choice: SandboxChoice): Sandbox {
  if (choice !== "auto") return choice;
  return findBwrap() === undefined ? "none" : "bwrap";
}

/**
 * Returns the sandbox of a choice that works here.
 * @param name of the build
 * @param note called if there is none
 * @throws LarderError LDR_BUILD if bwrap was chosen and does not work
 */
export async function workingSandbox(
  choice: SandboxChoice,
  name: string,
  note: (message: string) => void,
  signal?: AbortSignal,
): Promise<Sandbox> {
  if (choice === "none") return "none";
  const fault = await sandboxFault(signal);
  if (fault === undefined) return "bwrap";
  if (choice === "auto") {
    note(`no sandbox: ${fault}; the command can read all files of this user`);
    return "none";
  }
  throw new LarderError("LDR_BUILD", `cannot build ${name} in a sandbox: ${fault}`, {
    hint: "install bubblewrap 0.5 or newer, or build with --sandbox none",
  });
}

async function sandboxFault(signal: AbortSignal | undefined): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "there is none for this system";
  const bwrap = findBwrap();
  if (bwrap === undefined) return "bwrap is not installed";
  const fault = await bwrapFault(bwrap, signal);
  return fault && `bwrap does not work: ${fault}`;
}
