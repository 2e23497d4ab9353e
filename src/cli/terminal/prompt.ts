import process from "node:process";
import { interrupted } from "../../base/errors.ts";

/** True if a user can answer: questions go to stderr, answers come from stdin. */
export function canAsk(): boolean {
  return Deno.stdin.isTerminal() && Deno.stderr.isTerminal();
}

/** Asks for a line. @throws LarderError LDR_INTERRUPTED */
export async function askLine(message: string): Promise<string> {
  const { default: input } = await import("@inquirer/input");
  return await answer(input({ message }, { output: process.stderr }));
}

/** Returns true only for `y` or `yes`. @throws LarderError LDR_INTERRUPTED */
export async function askYes(message: string): Promise<boolean> {
  return /^\s*y(?:es)?\s*$/i.test(await askLine(`${message} [y/N]`));
}

/** Asks for a secret, which is not shown as it is typed. @throws LarderError LDR_INTERRUPTED */
export async function askSecret(message: string): Promise<string> {
  const { default: password } = await import("@inquirer/password");
  return await answer(password({ message }, { output: process.stderr }));
}

async function answer(question: Promise<string>): Promise<string> {
  try {
    return await question;
  } catch (error) {
    if ((error as Error).name === "ExitPromptError") throw interrupted(); // Ctrl-C
    throw error;
  }
}
