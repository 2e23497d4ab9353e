/** When the registry is asked about a tag that is cached. */
export const POLICIES = ["always", "missing", "never"] as const;
