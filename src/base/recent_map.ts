/**
 * A map that keeps the entries that were read or written last, and forgets the others: what is named by clients would
 * otherwise fill the memory of a server.
 */
export class RecentMap<K, V> extends Map<K, V> {
  readonly #limit: number;

  /** @param limit number of entries */
  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  override get(key: K): V | undefined {
    const value = super.get(key);
    if (value === undefined) return undefined;
    super.delete(key);
    super.set(key, value);
    return value;
  }

  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size > this.#limit) super.delete(super.keys().next().value!);
    return this;
  }
}
