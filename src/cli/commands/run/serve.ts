import { abortOf } from "../../../base/concurrency.ts";
import { printable, throwIfAborted } from "../../../base/errors.ts";
import type { ListenAddress } from "../../../base/listener.ts";
import type { PendingProgram } from "../../../run/engine/component.ts";
import { HttpServer, type ServedRequest, type Site } from "../../../run/server/http_server.ts";
import { GuestPool } from "../../../run/server/worker_pool.ts";
import type { Router } from "../../../run/spin/routes.ts";
import { GuestState } from "../../../run/state/guest_state.ts";
import { stateFiles } from "../../../run/state/locations.ts";
import { prepareStateFiles } from "../../../run/state/prepare_files.ts";
import type { HostSettings } from "../../../run/wasi/host.ts";
import type { Context } from "../../context.ts";
import { backtraceLines } from "./backtrace.ts";

/** A component or Spin app to serve. */
export type ServedProgram =
  | { readonly kind: "component"; readonly name: string; readonly program: PendingProgram }
  | {
    readonly kind: "app";
    readonly name: string;
    readonly router: Router;
    readonly programs: ReadonlyMap<string, PendingProgram>;
  };

/**
 * Serves until Ctrl-C, then lets the requests in progress finish.
 *
 * @param prepare starts to compile the program; it gets the URL of the server, which is listening but not answering yet
 * @throws LarderError LDR_LISTEN, before `prepare` is called; LDR_INTERRUPTED, before the first request is answered;
 * what `prepare` and the compilation throw
 */
export async function serve(
  context: Context,
  address: ListenAddress,
  signal: AbortSignal,
  prepare: (origin: string) => ServedProgram,
): Promise<void> {
  const onRequest = context.options.verbose
    ? (request: ServedRequest) => logRequest(context, request)
    : undefined;
  const warnOnce = onlyOnce((message) => context.warn(message));
  const noteOnce = onlyOnce((lines) => lines.split("\n").forEach((line) => context.info(line)));
  const server = new HttpServer(address, { onRequest, onFailure: warnOnce });
  const pools: GuestPool[] = [];
  let guestState: GuestState | undefined;
  try {
    const served = prepare(server.url);
    const programs = programsOf(served);
    // Pools report it, unless the server stops before.
    for (const { compiled } of programs) compiled.catch(() => {});
    guestState = openGuestState(context, programs.map(({ settings }) => settings));
    const start = async (name: string, program: PendingProgram) => {
      const pool = await GuestPool.start(program, threadsFor(program), {
        onFailure: (message, frames = []) => {
          context.warn(`${name}: ${message}`);
          const lines = backtraceLines(frames, context.options.verbose).map(printable);
          // Most failures of one guest are alike.
          if (lines.length > 0) noteOnce(lines.join("\n"));
        },
        onDenial: (message) => warnOnce(`${name}: ${message}`),
        openState: (port) => guestState!.serve(port, program.settings.state),
      }, signal);
      pools.push(pool);
      return pool;
    };
    const site = await openSite(served, start);
    throwIfAborted(signal);
    announce(context, server.url, served);
    server.open(site);
    await abortOf(signal);
    context.info("stopping");
  } finally {
    await server.stop();
    for (const pool of pools) pool.stop();
    guestState?.[Symbol.dispose]();
  }
}

function programsOf(served: ServedProgram): PendingProgram[] {
  return served.kind === "component" ? [served.program] : [...served.programs.values()];
}

/**
 * Opens the stores of guests, in files that are checked first.
 * @throws LarderError LDR_DISK*
 */
export function openGuestState(context: Context, settings: readonly HostSettings[]): GuestState {
  const files = stateFiles(settings.map(({ state }) => state));
  prepareStateFiles(files);
  return new GuestState(files, (message) => context.warn(message));
}

/** Says which interfaces are missing and only fail when they are called. */
export function noteStubs(context: Context, stubs: readonly string[]): void {
  if (stubs.length === 0) return;
  context.info(`not available, so calls fail: ${[...new Set(stubs)].join(", ")}`);
}

async function openSite(
  served: ServedProgram,
  start: (name: string, program: PendingProgram) => Promise<GuestPool>,
): Promise<Site> {
  if (served.kind === "component") {
    return { kind: "component", pool: await start(served.name, served.program) };
  }
  const starting = [...served.programs].map(async ([id, program]) =>
    [id, await start(id, program)] as const
  );
  return { kind: "app", router: served.router, pools: new Map(await Promise.all(starting)) };
}

/**
 * Returns one thread for a guest that may write to a folder: paths are resolved name by name, which is safe only while
 * no other thread of the guest changes the folder.
 */
function threadsFor({ settings }: PendingProgram): number {
  const writes = settings.mounts.some((mount) => mount.kind === "folder" && !mount.readOnly);
  return writes ? 1 : navigator.hardwareConcurrency;
}

/** Limit on different messages; a guest could fail in new ways without end. */
const MAX_MESSAGES = 100;

/** Drops repeated messages: each thread of a component reports the same denial, each request the same failure. */
function onlyOnce(report: (message: string) => void): (message: string) => void {
  const reported = new Set<string>();
  return (message) => {
    if (reported.has(message) || reported.size >= MAX_MESSAGES) return;
    reported.add(message);
    report(message);
  };
}

/** Prints the address and a line per route. */
function announce(context: Context, url: string, served: ServedProgram): void {
  context.info(`Serving ${served.name} at ${url}`);
  if (served.kind === "component") return;
  for (const { route, effective } of served.router.duplicates) {
    context.warn(`route ${route.raw} is unreachable: ${effective.raw} matches the same paths`);
  }
  for (const { fullPath, target } of served.router.routes) {
    const handler = target.kind === "component" ? target.component : "static response";
    context.info(`  ${url}${fullPath} → ${handler}`);
  }
}

function logRequest(context: Context, { method, path, status, duration }: ServedRequest): void {
  context.info(`${method} ${path} ${status} ${duration.toFixed(1)} ms`);
}
