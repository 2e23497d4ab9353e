/**
 * Sends messages in batches, because a message to another thread costs more than its content. Buffers are
 * transferred, not copied.
 */
export class MessageBatch<T> {
  readonly #send: (messages: T[], transfer: Transferable[]) => void;
  #messages: T[] = [];
  #transfer: Transferable[] = [];
  #isScheduled = false;

  constructor(send: (messages: T[], transfer: Transferable[]) => void) {
    this.#send = send;
  }

  /** Sends a message that is waited for, after those that were gathered before. */
  post(message: T, transfer: readonly Transferable[] = []): void {
    this.#add(message, transfer);
    this.#flush();
  }

  /** Sends a message at the end of this turn of the event loop, in one batch with those that follow. */
  gather(message: T, transfer: readonly Transferable[] = []): void {
    this.#add(message, transfer);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Cheaper than a timer, which most messages would cancel: the end of a response is posted.
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.#messages.length > 0) this.#flush();
    });
  }

  #add(message: T, transfer: readonly Transferable[]): void {
    this.#messages.push(message);
    this.#transfer.push(...transfer);
  }

  #flush(): void {
    const [messages, transfer] = [this.#messages, this.#transfer];
    this.#messages = [];
    this.#transfer = [];
    this.#send(messages, transfer);
  }
}
