import type { Command } from "commander";
import { Context } from "./context.ts";
import { addPullingOptions } from "./pulling_options.ts";

/** Adds `larder run`. */
export function addRunCommand(program: Command): void {
  const run = program.command("run")
    .summary("Pull a Spin app or Wasm package and run it.")
    .description(
      "Pull a Spin app or Wasm package and run it; or run a Wasm file. A command gets what follows --. An app " +
        "answers HTTP requests until Ctrl-C. A guest has no files, no environment and no network but what is " +
        "granted.",
    )
    .argument("[reference]", "what to run, such as ghcr.io/owner/app:v1 or ./app.wasm")
    .argument("[args...]", "arguments of a command")
    .option("--dir <host[::guest][:ro]>", "grant a folder (repeatable)", collect)
    .option("--env <name[=value]>", "grant an environment variable (repeatable)", collect)
    .option("--allow-net [hosts]", "grant access to =HOST[:PORT],…, or to every host")
    .option("--variable <name=value>", "set a variable of a Spin app (repeatable)", collect)
    .option("--listen <host:port>", "where to answer HTTP requests (default: 127.0.0.1:3000)")
    .option("--engine [name]", "run with an installed spin or wasmtime; alone, list them");
  addPullingOptions(run)
    .action(async (reference: string | undefined, args: string[], options, command: Command) => {
      const { run } = await import("./commands/run.ts");
      await run(await Context.of(command), reference, args, options);
    });
}

/** `--allow-net` alone must not take the next argument for its hosts. */
export function withHosts(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, i) =>
    arg === "--allow-net" && (end < 0 || i < end) ? "--allow-net=*" : arg
  );
}

function collect(value: string, values: readonly string[] = []): string[] {
  return [...values, value];
}
