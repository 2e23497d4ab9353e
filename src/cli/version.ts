import manifest from "../../deno.json" with { type: "json" };

/** larder's version, from deno.json. */
export const VERSION: string = manifest.version;

/** The commit that a release was built from; the compile script puts it in place of this word. */
export const COMMIT = "development";

/** What `larder --version` prints. */
export function versionText(): string {
  return `larder ${VERSION} (${COMMIT}, Deno ${Deno.version.deno}, ${Deno.build.target})`;
}
