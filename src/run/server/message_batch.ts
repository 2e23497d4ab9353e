/**
 * Gathers messages and sends them as one: crossing between threads costs more than what is said. Buffers go over
 * without being copied.
 */
export class MessageBatch<T> {
  readonly #send: (messages: T[], transfer: Transferable[]) => void;
  #messages: T[] = [];
  #transfer: Transferable[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (messages: T[], transfer: Transferable[]) => void) {
    this.#send = send;
  }

  /** Sends what somebody waits for, with all that was put in before. */
  post(message: T, transfer: readonly Transferable[] = []): void {
    this.#add(message, transfer);
    this.#flush();
  }

  /** Sends at the end of this turn of the event loop: what follows is likely to belong to it. */
  gather(message: T, transfer: readonly Transferable[] = []): void {
    this.#add(message, transfer);
    this.#timer ??= setTimeout(() => this.#flush(), 0);
  }

  #add(message: T, transfer: readonly Transferable[]): void {
    this.#messages.push(message);
    this.#transfer.push(...transfer);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [messages, transfer] = [this.#messages, this.#transfer];
    this.#messages = [];
    this.#transfer = [];
    this.#send(messages, transfer);
  }
}
