/** The bar on standard error: how far, how many, how fast, how much longer. */
import { Presets, SingleBar } from 'cli-progress';
import type { Counts } from './pipeline.ts';

/** How often the bar is drawn, milliseconds; where it is not a terminal, how often a line is written. */
const REDRAW = 100;
const LINE_INTERVAL = 2_000;
/** Characters of the bar. */
const WIDTH = 30;

export class Progress {
  readonly #counts: Counts;
  readonly #size: number | undefined;
  readonly #started = performance.now();
  readonly #stream: NodeJS.WritableStream;
  /** `undefined` where lines are written. */
  readonly #bar: SingleBar | undefined;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  /** `size` is the bytes of all inputs; `undefined` when nobody knows them: then there is no bar and no time left. */
  constructor(counts: Counts, size: number | undefined, stream: NodeJS.WritableStream) {
    this.#counts = counts;
    this.#size = size === 0 ? undefined : size;
    const tty = (stream as NodeJS.WriteStream).isTTY === true;
    this.#stream = stream;
    this.#timer = setInterval(() => this.#draw(), tty ? REDRAW : LINE_INTERVAL);
    this.#timer.unref();
    if (!tty) return;
    this.#bar = new SingleBar(
      {
        format: () => this.#line(),
        stream,
        hideCursor: true,
        clearOnComplete: false,
        emptyOnZero: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(1, 0);
  }

  /** Draws the last state and gives the terminal back. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#draw();
    this.#bar?.stop();
  }

  #draw(): void {
    if (this.#bar === undefined) this.#stream.write(`${this.#line()}\n`);
    else this.#bar.update(this.#fraction());
  }

  #fraction(): number {
    return this.#size === undefined ? 0 : Math.min(1, this.#counts.position / this.#size);
  }

  #line(): string {
    const { records, failed } = this.#counts;
    const elapsed = (performance.now() - this.#started) / 1000;
    const parts = [`${count(records)} records`, `${count(Math.round(records / Math.max(elapsed, 0.001)))}/s`];
    if (failed > 0) parts.push(`${count(failed)} failed`);
    parts.push(`in ${clock(elapsed)}`);
    const fraction = this.#fraction();
    if (this.#size === undefined) return parts.join('  ');
    if (fraction > 0 && fraction < 1) parts.push(`${clock((elapsed * (1 - fraction)) / fraction)} left`);
    const filled = Math.round(fraction * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    return `${bar} ${String(Math.floor(fraction * 100)).padStart(3)} %  ${parts.join('  ')}`;
  }
}

/** `12,345` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `0:07`, `12:30`, `1:02:03` */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 60) % 60, whole % 60];
  if (whole >= 3600) parts.unshift(Math.floor(whole / 3600));
  return parts.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
