import { main } from "./src/cli/main.ts";

// Everything has been written by now; leaving at once spares taking the runtime apart.
Deno.exit(await main(Deno.args));
