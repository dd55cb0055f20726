/**
 * What a thread has submitted and has not heard of, in its order. Each task's block says where its future stands.
 *
 * Tempting: a `Map` by address. One in which entries come and go makes a new table every so often, and each old one holds
 * the next and what was in it, until V8 collects the old generation: half of all futures outlived the young one so, which
 * took a tenth of the submitting thread's time.
 */
import { heap, TASK } from '../memory/index.ts';
import type { Future } from './future.ts';

type AnyFuture = Future<unknown>;

/** Places that are never gone through for those that are left, and above which room is given back. */
const FEW = 1024;

export class Pending {
  /** Up to `#end`, with holes where those were that have ended. */
  #places: (AnyFuture | undefined)[] = [];
  #end = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(future: AnyFuture): void {
    // Each is moved once for three that were added at the least.
    if (this.#end >= FEW && this.#end >= this.#size * 4) this.#closeUp();
    heap.i32[future.task + TASK.PLACE] = this.#end;
    this.#places[this.#end++] = future;
    this.#size++;
  }

  /** The future of this task, whose block is there; undefined if it has ended. */
  get(task: number): AnyFuture | undefined {
    const future = this.#places[heap.i32[task + TASK.PLACE]];
    return future?.task === task ? future : undefined;
  }

  /** Before its entry is given up. */
  delete(future: AnyFuture): void {
    this.#places[heap.i32[future.task + TASK.PLACE]] = undefined;
    if (--this.#size > 0) return;
    this.#end = 0;
    if (this.#places.length > FEW) this.#places = [];
  }

  /** Those that are pending now, in the order in which they were submitted. */
  all(): AnyFuture[] {
    const found: AnyFuture[] = [];
    for (let place = 0; place < this.#end; place++) {
      const future = this.#places[place];
      if (future !== undefined) found.push(future);
    }
    return found;
  }

  #closeUp(): void {
    const left = this.all();
    for (const [place, future] of left.entries()) {
      this.#places[place] = future;
      heap.i32[future.task + TASK.PLACE] = place;
    }
    this.#places.fill(undefined, left.length, this.#end);
    this.#end = left.length;
  }
}
