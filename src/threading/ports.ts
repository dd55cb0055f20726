/**
 * Message ports from thread to thread. A port can be sent only along the tree of workers: to the nursery, which is the
 * parent of all threads, and from there to the isolate that it is for.
 */
import { type MessagePort, parentPort, type Worker, workerData } from 'node:worker_threads';

/** What goes along the tree. */
export type PortMessage = { telaio: 'port'; to: number; port: MessagePort };

/** In the thread that made the nursery. */
let nurseryWorker: Worker | undefined;

export function setNurseryWorker(worker: Worker): void {
  nurseryWorker = worker;
}

export function isPortMessage(message: unknown): message is PortMessage {
  return (message as PortMessage | null)?.telaio === 'port';
}

/** Whether this thread has a way to the nursery. */
export const hasWayToNursery = (): boolean => nurseryWorker !== undefined || workerData?.telaio === 'isolate';

/** Sends a port to the isolate in which the thread `to` runs. */
export function sendPort(to: number, port: MessagePort): void {
  const message: PortMessage = { telaio: 'port', to, port };
  if (nurseryWorker !== undefined) nurseryWorker.postMessage(message, [port]);
  else parentPort?.postMessage(message, [port]);
}

/** In a thread: calls `receive` with each port that is sent to it. Returns how to keep the event loop for them, or not. */
export function onPort(receive: (port: MessagePort) => void): (keep: boolean) => void {
  parentPort!.on('message', (message) => {
    if (isPortMessage(message)) receive(message.port);
  });
  parentPort!.unref();
  return (keep) => (keep ? parentPort!.ref() : parentPort!.unref());
}
