import type { Layout } from "../../../src/store/layout.ts";
import { Lease, type LeaseOptions, type LeaseRequest } from "../../../src/store/locks/leases.ts";

/** Creates a lease and adds `request` to it. */
export async function takeLease(
  layout: Layout,
  command: string,
  request: LeaseRequest,
  options: LeaseOptions = {},
): Promise<Lease> {
  const lease = new Lease(layout, command);
  await lease.add(request, options);
  return lease;
}
