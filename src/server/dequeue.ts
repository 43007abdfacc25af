/** Calls a function again and again: the period runs from the end of one call to the next. (Net::Server::Multiplex check_for_dequeue) */
export class Dequeue {
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param seconds 0 = never */
  constructor(seconds: number, call: () => Promise<void>) {
    const wait = () => {
      if (this.#isStopped) return;
      this.#timer = setTimeout(() => void call().then(wait), 1000 * seconds);
      this.#timer.unref(); // the loop keeps the process alive
    };
    if (seconds > 0) wait();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }
}
