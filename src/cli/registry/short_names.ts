import { parseReference, repositoryName } from "../../oci/reference.ts";
import type { Context } from "../context.ts";

/** A name without tag and digest whose first part is no host, and what follows it. */
const SHORT_NAME = /^((?!localhost\/)[^.:@/]+(?:\/[^:@]*)?)((?::[^/@]*)?(?:@.*)?)$/;

/**
 * Returns a reference as typed on the command line with the alias of `registries.conf` in place of its short name, if
 * there is one. References in files are not subject to aliases, so that they mean the same on every machine.
 */
export async function expandAlias(context: Context, text: string): Promise<string> {
  const [, name, rest] = SHORT_NAME.exec(text) ?? [];
  if (name === undefined) return text;
  const { registriesConfOf } = await import("./registries_conf_files.ts");
  const alias = (await registriesConfOf(context)).aliases.get(name);
  if (!alias) return text;
  if (alias.name !== repositoryName(parseReference(name))) {
    context.info(`${name} is ${alias.name}, by an alias in ${alias.file}`);
  }
  return `${alias.name}${rest}`;
}
