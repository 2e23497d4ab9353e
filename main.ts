import { main } from "./src/cli/program.ts";

Deno.exitCode = await main(Deno.args);
