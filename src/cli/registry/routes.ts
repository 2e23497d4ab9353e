import { LarderError } from "../../base/errors.ts";
import { formatReference, type Reference, repositoryName } from "../../oci/reference.ts";
import { apiBase } from "../../registry/endpoints.ts";
import type { HostTrust } from "../../registry/http/tls/trust.ts";
import { parseLocation, placeAt } from "../../registry/mirrors/location.ts";
import { type RegistryTable, routeOf, tableOf } from "../../registry/mirrors/registries_conf.ts";
import type { Mirror, Route } from "../../registry/mirrors/route.ts";
import { registriesConfOf } from "./registries_conf_files.ts";
import type { Context } from "../context.ts";

/**
 * Returns the route that the config gives to a repository, and what it does not set, `registries.conf`.
 * @param hosts receives the hosts to which `registries.conf` allows insecure connections
 * @throws LarderError LDR_BLOCKED
 */
export async function findRoute(
  context: Context,
  hosts: Map<string, HostTrust>,
  reference: Reference,
): Promise<Route> {
  const conf = await registriesConfOf(context);
  const table = tableOf(conf, reference);
  if (table?.blocked) throw blocked(reference, table);
  const own = ownMirrors(context, reference);
  const used = own && table ? { ...table, mirrors: [] } : table;
  const { insecure, ...route } = used ? routeOf(used, reference) : UNCHANGED;
  const insecureMirrors = own?.filter((mirror) => tableOf(conf, mirror)?.insecure) ?? [];
  for (const registry of [...insecure, ...insecureMirrors.map(({ registry }) => registry)]) {
    allowInsecure(hosts, registry);
  }
  return own ? { ...route, mirrors: own } : route;
}

const UNCHANGED: Route & { readonly insecure: readonly string[] } = { mirrors: [], insecure: [] };

/** Returns the mirrors that the config has for a registry; undefined if it says nothing about them. */
function ownMirrors({ config }: Context, reference: Reference): Mirror[] | undefined {
  return config.registries?.[reference.registry]?.mirrors?.flatMap((text) => {
    const place = placeAt(parseLocation(text), `/${reference.repository}`);
    return place ? [{ ...place, use: "all" as const }] : [];
  });
}

/** The config's own setting, if there is one, stays as it is. */
function allowInsecure(hosts: Map<string, HostTrust>, registry: string): void {
  const { host } = apiBase(registry);
  const trust = hosts.get(host);
  if (trust?.insecure === undefined) hosts.set(host, { ...trust, insecure: true });
}

function blocked(reference: Reference, { file }: RegistryTable): LarderError {
  const what = reference.repository === "" ? reference.registry : formatReference(reference);
  const message = `${what} is blocked by ${file}`;
  return new LarderError("LDR_BLOCKED", message, {
    hint: `ask the administrator of this machine, or remove "blocked = true" for ${
      reference.repository === "" ? reference.registry : repositoryName(reference)
    } from the file`,
  });
}
