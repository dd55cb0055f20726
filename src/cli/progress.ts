/** The bar on standard error: how far, how many, how fast, how much longer. */
import { Presets, SingleBar } from 'cli-progress';
import type { Counts } from './pipeline.ts';

/** How often the bar is drawn, milliseconds; where it is not a terminal, how often a line is written. */
const REDRAW = 100;
const LINE_INTERVAL = 2_000;

export class Progress {
  readonly #counts: Counts;
  readonly #size: number | undefined;
  readonly #started = performance.now();
  readonly #bar: SingleBar;
  readonly #timer: NodeJS.Timeout;

  /** `size` is the bytes of all inputs; `undefined` when nobody knows them: then there is no bar and no time left. */
  constructor(counts: Counts, size: number | undefined, stream: NodeJS.WritableStream) {
    this.#counts = counts;
    this.#size = size === 0 ? undefined : size;
    const tty = (stream as NodeJS.WriteStream).isTTY === true;
    this.#bar = new SingleBar(
      {
        format: (_options, _params, payload) => this.#line(payload.width),
        stream,
        noTTYOutput: true,
        notTTYSchedule: LINE_INTERVAL,
        hideCursor: true,
        clearOnComplete: false,
        barsize: 30,
        emptyOnZero: true,
      },
      Presets.shades_classic,
    );
    this.#bar.start(1, 0, { width: 30 });
    this.#timer = setInterval(() => this.#bar.update(this.#fraction()), tty ? REDRAW : LINE_INTERVAL);
    this.#timer.unref();
  }

  /** Draws the last state and gives the terminal back. */
  stop(): void {
    clearInterval(this.#timer);
    this.#bar.update(this.#fraction());
    this.#bar.stop();
  }

  #fraction(): number {
    return this.#size === undefined ? 0 : Math.min(1, this.#counts.position / this.#size);
  }

  #line(width: number): string {
    const { records, failed } = this.#counts;
    const elapsed = (performance.now() - this.#started) / 1000;
    const parts = [`${count(records)} records`, `${count(Math.round(records / Math.max(elapsed, 0.001)))}/s`];
    if (failed > 0) parts.push(`${count(failed)} failed`);
    parts.push(`in ${clock(elapsed)}`);
    const fraction = this.#fraction();
    if (this.#size === undefined) return parts.join('  ');
    if (fraction > 0 && fraction < 1) parts.push(`${clock((elapsed * (1 - fraction)) / fraction)} left`);
    const filled = Math.round(fraction * width);
    const bar = '█'.repeat(filled) + '░'.repeat(width - filled);
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
