export function empty(value: number): number;
export function echo<T>(bytes: T): T;
export function work(turns: number): number;
export function addOne(n: number): number;
export function addOneToEach(numbers: number[]): number[];
export function hold(cells: Int32Array): void;
