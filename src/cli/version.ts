import manifest from "../../deno.json" with { type: "json" };

/** The version in deno.json. */
export const VERSION: string = manifest.version;

/** The commit of a release; scripts/bundle/bundle.ts replaces this word. */
export const COMMIT = "development";

/** Returns the line that `larder --version` prints. */
export function versionText(): string {
  return `larder ${VERSION} (${COMMIT}, Deno ${Deno.version.deno}, ${Deno.build.target})`;
}
