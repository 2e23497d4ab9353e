import { main } from "../../../src/cli/main.ts";
import { EXCEPTIONS_VARIABLE } from "../../binary_exceptions.ts";
import type { Result } from "./cli.ts";

/** Variables of the tests, not of larder. */
const OF_TESTS = ["LARDER_BIN", EXCEPTIONS_VARIABLE];

// The settings of who runs the tests are none of theirs.
for (const name of Object.keys(Deno.env.toObject())) {
  if (name.startsWith("LARDER_") && !OF_TESTS.includes(name)) Deno.env.delete(name);
}

type Streams = "stdout" | "stderr";

/** What `body` writes to the terminal, and what it returns. */
export async function captured<T>(
  body: () => T | Promise<T>,
): Promise<Record<Streams, string> & { value: T }> {
  const text = { stdout: "", stderr: "" };
  const decoder = new TextDecoder();
  const restore = (["stdout", "stderr"] as const).map((name) => {
    const own = Deno[name].writeSync;
    Deno[name].writeSync = (bytes) => {
      text[name] += decoder.decode(bytes);
      return bytes.length;
    };
    return () => Deno[name].writeSync = own;
  });
  try {
    return { value: await body(), ...text };
  } finally {
    for (const each of restore) each();
  }
}

/** Runs `body` with these environment variables and without those that are undefined. */
export async function withEnvironment<T>(
  variables: Readonly<Record<string, string | undefined>>,
  body: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  const set = ([name, value]: readonly [string, string | undefined]) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  Object.entries(variables).forEach(set);
  try {
    return await body();
  } finally {
    before.forEach(set);
  }
}

/** Runs a command line of larder in this process, as a user with this home folder and nothing else set. */
export async function larder(home: string, ...args: string[]): Promise<Result> {
  const environment = { HOME: home, XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined };
  try {
    const { value, stdout, stderr } = await withEnvironment(
      environment,
      () => captured(() => main(args)),
    );
    return { code: value, stdout, stderr };
  } finally {
    Deno.exitCode = 0; // That of the command is not the tests' own.
  }
}
