import { TemporaryFolder } from "../temporary.ts";
import { run } from "./commands.ts";
import { childEnvironment } from "./environment.ts";

/** Opens a page in a headless Chromium, runs its scripts, and returns the resulting document as HTML. */
export async function openPage(url: string): Promise<string> {
  using profile = new TemporaryFolder();
  return await run("chromium-headless-shell", [
    "--no-sandbox", // Required as root; the pages are our own.
    "--disable-dev-shm-usage",
    `--user-data-dir=${profile.path}`,
    "--virtual-time-budget=10000",
    "--dump-dom",
    url,
  ], { env: childEnvironment({ HOME: profile.path }) });
}
