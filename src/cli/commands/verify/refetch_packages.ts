import { systemClock } from "../../../base/concurrency.ts";
import { hasCode, LarderError } from "../../../base/errors.ts";
import { TRANSFERS } from "../../../base/limits.ts";
import { fetchPackages } from "../../../packages/fetch_packages.ts";
import type { PackageRequest } from "../../../packages/package_request.ts";
import { requestFor } from "../../../packages/url_request.ts";
import type { PackageRecord } from "../../../store/entries/package_record.ts";
import type { Context } from "../../context.ts";
import { openRegistry } from "../../registry/registry_access.ts";
import { sharedContentOf } from "../../registry/shared_content.ts";
import { packageProgress } from "../fetch/progress.ts";
import { roomFor } from "../gc/auto.ts";
import { couldNotRepair, type DamagedEntry } from "./damaged_entry.ts";

/**
 * Fetches packages from the URLs in their records, by digest. A failure does not stop the others.
 *
 * @param reasons receives why packages could not be fetched, by the folders of their entries
 * @throws LarderError LDR_INTERRUPTED
 */
export async function refetchPackages(
  context: Context,
  entries: readonly DamagedEntry[],
  { transfers }: { readonly transfers?: number },
  reasons: Map<string, string>,
): Promise<void> {
  const failed = ({ name, folder }: DamagedEntry, error: LarderError) =>
    reasons.set(folder, couldNotRepair(context, name, error));
  const requests = new Map<PackageRequest, DamagedEntry>();
  for (const entry of entries) {
    if (entry.method?.by === "fetch") requests.set(requestOf(entry.method.package), entry);
  }
  using progress = await packageProgress(context, requests.size);
  const { layout, config } = context;
  const { transport } = openRegistry(context);
  const shared = sharedContentOf(context);
  const deps = { layout, transport, clock: systemClock, room: roomFor(context), shared };
  const options = {
    transfers: transfers ?? config.transfers ?? TRANSFERS,
    offline: context.options.offline,
    signal: context.interruptible(),
  };
  try {
    const { results, failures } = await fetchPackages(
      [...requests.keys()],
      deps,
      options,
      progress,
    );
    for (const { request } of results) context.info(`repaired ${requests.get(request)!.name}`);
    for (const { request, error } of failures) failed(requests.get(request)!, error);
  } catch (error) {
    if (hasCode(error, "LDR_INTERRUPTED") || !(error instanceof LarderError)) throw error;
    for (const entry of entries) failed(entry, error);
  }
}

function requestOf(record: PackageRecord): PackageRequest {
  const { source, name, version, arch, url, digest, size, vouchedBy } = record;
  const request = requestFor(new URL(url!), { source, name, version, arch, digest });
  return { ...request, fileName: record.fileName ?? request.fileName, size, vouchedBy };
}
