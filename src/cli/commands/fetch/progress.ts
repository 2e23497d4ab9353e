import { formatBytes, plural } from "../../../base/units.ts";
import type { PackageObserver } from "../../../packages/package_options.ts";
import type { PackageRequest } from "../../../packages/package_request.ts";
import type { Context } from "../../context.ts";
import { progressCounter } from "../../terminal/progress.ts";

export interface PackageProgress extends PackageObserver, Disposable {}

/**
 * Shows one bar for all packages. A size that the server does not state counts as it arrives.
 * @param total number of packages
 */
export async function packageProgress(context: Context, total: number): Promise<PackageProgress> {
  let ended = 0;
  const text = (done: number, all: number) =>
    `${ended} of ${plural(total, "package")}, ${formatBytes(done)} of ${formatBytes(all)}`;
  const bar = await progressCounter(context, text, true);
  const transfers = new Map<PackageRequest, { size: number; done: number }>();
  const advance = (request: PackageRequest, bytes: number) => {
    const transfer = transfers.get(request)!;
    transfer.done += bytes;
    bar.addTotal(Math.max(0, transfer.done - transfer.size));
    transfer.size = Math.max(transfer.size, transfer.done);
    bar.advance(bytes);
  };
  return {
    started(request, offset, size = 0) {
      const transfer = transfers.get(request) ?? { size: 0, done: 0 };
      transfers.set(request, transfer);
      bar.addTotal(Math.max(0, size - transfer.size));
      transfer.size = Math.max(size, transfer.size);
      advance(request, offset - transfer.done);
    },
    progressed: advance,
    finished({ request, outcome, size }) {
      ended++;
      if (context.options.verbose) {
        context.info(`${request.fileName}: ${outcome} (${formatBytes(size)})`);
      }
    },
    failed: () => void ended++,
    note: (message) => context.info(message),
    [Symbol.dispose]: () => bar[Symbol.dispose](),
  };
}
