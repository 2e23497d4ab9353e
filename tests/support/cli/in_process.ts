import { main } from "../../../src/cli/main.ts";
import { EXCEPTIONS_VARIABLE } from "../../binary_exceptions.ts";
import { childEnvironment, EMPTY_FILE } from "./environment.ts";
import { type Result, type RunOptions, TestUser } from "./test_user.ts";

// What is printed depends on no terminal that the tests may run on.
Deno.env.set("NO_COLOR", "1");

/** Variables of the tests that start with `LARDER_`, but are not settings of larder. */
const TEST_VARIABLES = ["LARDER_BIN", EXCEPTIONS_VARIABLE];

// The settings of this machine for registries do not apply to tests.
Deno.env.set("CONTAINERS_REGISTRIES_CONF", EMPTY_FILE);

// The tests do not inherit the user's settings of larder.
for (const name of Object.keys(Deno.env.toObject())) {
  if (name.startsWith("LARDER_") && !TEST_VARIABLES.includes(name)) Deno.env.delete(name);
}

type Streams = "stdout" | "stderr";

/** Runs `body` and returns its value with everything that it wrote to stdout and stderr. */
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

/** Runs `body` with these environment variables; undefined removes a variable. */
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

/** Runs a command line of larder in this process, for a user with this home folder and no settings. */
export async function larder(home: string, ...args: string[]): Promise<Result> {
  const environment = { HOME: home, XDG_CACHE_HOME: undefined, XDG_CONFIG_HOME: undefined };
  return await resultOf(environment, args);
}

/**
 * A user whose larder runs in the process of the tests, which spares starting one: for the rows of a table of which
 * others are run as processes. A binary is started for each, as by {@link TestUser}, and so is larder under another
 * program.
 */
export class QuickUser extends TestUser {
  override async larder(args: readonly string[], options: RunOptions = {}): Promise<Result> {
    if (Deno.env.get("LARDER_BIN") || options.under) return await super.larder(args, options);
    if (options.stdin !== undefined) throw new Error("this needs a TestUser");
    const inherited = Object.keys(Deno.env.toObject()).map((name) => [name, undefined] as const);
    const environment = {
      ...Object.fromEntries(inherited),
      ...childEnvironment({ HOME: this.home, ...options.env }),
    };
    const folder = Deno.cwd();
    Deno.chdir(this.home);
    try {
      return await resultOf(environment, args);
    } finally {
      Deno.chdir(folder);
    }
  }
}

async function resultOf(
  environment: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Promise<Result> {
  try {
    const { value, stdout, stderr } = await withEnvironment(
      environment,
      () => captured(() => main(args)),
    );
    return { code: value, stdout, stderr };
  } finally {
    Deno.exitCode = 0; // The command's exit code must not become that of the tests.
  }
}
