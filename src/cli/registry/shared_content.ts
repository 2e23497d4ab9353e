import { messageOf } from "../../base/errors.ts";
import type { SharedContent } from "../../registry/shared/shared_content.ts";
import type { SharedTier } from "../../registry/shared/shared_tier.ts";
import type { UploadTally } from "../../registry/shared/uploads.ts";
import { atEnd } from "../at_end.ts";
import type { Context } from "../context.ts";
import { formatBytes, formatDuration, plural } from "../../base/units.ts";

/** One minute after the end of a command that uploads may take. */
const UPLOAD_TIME = 60_000;

/** The cache that machines share, as a command uses it. */
interface CommandShare {
  readonly content: SharedContent;
  /** Lets uploads end, for a time in milliseconds, and says what was written. */
  readonly finish: (limit: number, signal: AbortSignal) => Promise<void>;
}

const known = new WeakMap<Context, CommandShare>();

/** Returns the cache that machines share, if the user has one and larder may ask it. Opens it when it is first used. */
export function sharedContentOf(context: Context): SharedContent | undefined {
  const { config, options } = context;
  if (config.shared?.url === undefined || options.offline) return undefined;
  let shared = known.get(context);
  if (!shared) known.set(context, shared = openLater(context));
  return shared.content;
}

/**
 * Lets the uploads of a server that was told to stop end, for a time in milliseconds; a second signal ends the process.
 */
export async function drainUploads(context: Context, limit: number): Promise<void> {
  await known.get(context)?.finish(limit, new AbortController().signal);
}

function openLater(context: Context): CommandShare {
  let opened: Promise<SharedTier | undefined> | undefined;
  const open = () =>
    opened ??= import("./open_shared.ts")
      .then(({ openShared }) => openShared(context))
      .catch((error) => {
        context.warn(`nothing is shared: ${messageOf(error)}`);
        return undefined;
      });
  let hasOffers = false;
  const finish = async (limit: number, signal: AbortSignal) => {
    if (!hasOffers) return;
    hasOffers = false;
    const tier = await open();
    const tally = await tier?.finish(limit, signal);
    if (tier && tally) report(context, tier.name, tally, signal.aborted ? undefined : limit);
  };
  const content: SharedContent = {
    blob: async (...args) => await (await open())?.blob(...args),
    manifest: async (...args) => await (await open())?.manifest(...args),
    record: async (...args) => await (await open())?.record(...args),
    offer(offer) {
      if (!context.config.shared?.write) return;
      open().then((tier) => tier?.offer(offer));
      if (!hasOffers) atEnd(() => finish(UPLOAD_TIME, context.interruptible()));
      hasOffers = true;
    },
  };
  return { content, finish };
}

/** @param limit milliseconds that larder waited; undefined if it was interrupted */
function report(context: Context, name: string, tally: UploadTally, limit?: number): void {
  const { written, bytes, left } = tally;
  if (written > 0) {
    context.info(
      `wrote ${plural(written, "object")} (${formatBytes(bytes)}) to the shared cache ${name}`,
    );
  }
  if (left === 0) return;
  const cause = limit === undefined ? "interrupted" : `not done after ${formatDuration(limit)}`;
  context.warn(`${plural(left, "object")} not written to the shared cache ${name}: ${cause}`);
}
