import { abortOf, systemClock } from "../../../base/concurrency.ts";
import { LarderError } from "../../../base/errors.ts";
import { DAY } from "../../../base/units.ts";
import { isLocal } from "../../../oci/reference.ts";
import type { Place } from "../../../registry/endpoints.ts";
import { RegistryService } from "../../../serve/registry_service.ts";
import { RegistryServer } from "../../../serve/server.ts";
import { Via } from "../../../serve/via.ts";
import type { Context } from "../../context.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { drainUploads, sharedContentOf } from "../../registry/shared_content.ts";
import { viaName } from "../../registry/via_name.ts";
import { roomFor } from "../gc/auto.ts";
import { type AccessOptions, openAccess, printClientConfig } from "./access.ts";
import { isServerAt } from "./own_address.ts";
import { PeriodicCollector } from "./periodic_collector.ts";
import { onceAMinute, RequestLog } from "./request_log.ts";

export interface ServeOptions extends AccessOptions {
  readonly listen?: string;
}

const DEFAULT_ADDRESS = "127.0.0.1:5000";
const DEFAULT_UPSTREAM = "docker.io";

/** 24 hours for which a copy is served while its registry fails: a night, and a morning to notice. */
const STALE_IF_ERROR = DAY;

/**
 * Milliseconds that larder waits if a registry asks it to. A client waits as well meanwhile, and is better told how long
 * the registry asks to wait.
 */
const LONGEST_WAIT = 1000;

/**
 * 10 seconds for which a registry that failed is not asked again, and after which clients notice that it has recovered.
 * Commands, which end before that, wait a minute.
 */
const DOWN_TIME = 10_000;

/** 5 seconds for uploads to the shared cache at the end, of the 10 that `docker stop` gives a server. */
const UPLOAD_TIME = 5_000;

/**
 * `larder serve`: serves until Ctrl-C or SIGTERM, then lets the requests in progress finish.
 * @throws LarderError LDR_USAGE, LDR_CONFIG, LDR_DISK*, LDR_LISTEN
 */
export async function serve(context: Context, options: ServeOptions): Promise<void> {
  const { serve: settings, freshness } = context.config;
  const { layout } = context;
  const address = parseAddress(options.listen ?? settings?.listen ?? DEFAULT_ADDRESS);
  const defaultUpstream = settings?.default_upstream ?? DEFAULT_UPSTREAM;
  if (options.printConfig) {
    const { printConfig } = options;
    return await printClientConfig(context, printConfig, options, address, defaultUpstream);
  }
  const { access, tls } = openAccess(context, options, address);
  const signal = context.interruptible();
  const warn = onceAMinute((message) => context.warn(message));
  using collector = new PeriodicCollector(context);
  const isOffline = context.options.offline ?? false;
  const via = new Via(() => viaName(layout));
  const limits = {
    headers: () => ({ via: via.header }),
    longestWait: LONGEST_WAIT,
    downTime: DOWN_TIME,
    checkAddress: access.upstreams.checkAddress,
    isItself: (place: Place) => isServerAt(address, place),
    blobsOnly: true,
  };
  const client = isOffline ? undefined : openRegistry(context, undefined, limits).client;
  await using service = new RegistryService({
    layout,
    client,
    via,
    clock: systemClock,
    mayName: (upstream) => isLocal(upstream) || access.upstreams.allows(upstream),
    staleIfError: settings?.stale_if_error ?? freshness?.stale_if_error ?? STALE_IF_ERROR,
    warn,
    note: onceAMinute((message) => context.info(message)),
    room: roomFor(context),
    onFetched: () => collector.request(),
    defaultUpstream,
    checkRepository: (repository) => access.upstreams.checkRepository(repository),
    shared: sharedContentOf(context),
  });
  using log = context.options.quiet ? undefined : new RequestLog();
  const server = new RegistryServer(service, {
    address,
    defaultUpstream,
    tls: tls?.pair,
    via,
    access: async (request, _client, route) => {
      const refusal = await access.authorize(request);
      if (refusal || !route || !("repository" in route)) return refusal;
      if (isLocal(route.repository)) return access.refusePush(request);
      access.upstreams.checkRepository(route.repository);
    },
    onRequest: log && ((request) => log.add(request)),
    onFailure: warn,
  });
  context.info(`Serving ${layout.root} at ${server.url}`);
  using _watch = tls?.watch((pair) => {
    context.info("using the renewed certificate");
    server.renew(pair);
  });
  await abortOf(signal);
  context.info("stopping");
  await server.stop();
  await drainUploads(context, UPLOAD_TIME);
}

/** @throws LarderError LDR_USAGE */
function parseAddress(text: string): { hostname: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { hostname: (match[1] ?? match[2])!, port };
  throw new LarderError("LDR_USAGE", `bad --listen ${text}: expected HOST:PORT`, {
    hint: `write an address such as ${DEFAULT_ADDRESS} or [::1]:5000`,
  });
}
