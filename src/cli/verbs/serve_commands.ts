/** The verb that serves the cache to others. */

import type { LarderCommand } from "../command.ts";
import { Context } from "../context.ts";
import { serveOptions } from "./serve_options.ts";

export function addServe(program: LarderCommand): void {
  const command = program.command("serve")
    .summary("Serve registries from the cache, as a registry that container tools pull from.")
    .description(
      "Serve registries from the cache, as a registry that container tools pull from, until Ctrl-C. What is " +
        "missing is fetched once for all clients. The first part of a name is the registry, as in " +
        "127.0.0.1:5000/ghcr.io/owner/app:v1; containerd names it by itself.",
    )
    .option("--listen <host:port>", "address to serve on (default: 127.0.0.1:5000)");
  serveOptions(command)
    .action(async (options, command: LarderCommand) => {
      const { serve } = await import("../commands/serve/serve.ts");
      await serve(await Context.of(command), options);
    });
}
