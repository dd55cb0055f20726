/** Never settles, and keeps its event loop: for what is killed meanwhile. */
export function never(): Promise<never> {
  return new Promise(() => {
    setInterval(() => {}, 1e6);
  });
}
