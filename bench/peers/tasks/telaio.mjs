import { currentTask } from 'telaio';

/** The buffer moves back as it came. */
export function give(bytes) {
  currentTask().transfer(bytes.buffer);
  return bytes;
}

/** Keeps its worker until the event is set. */
export function holdUntil(event) {
  event.waitSync();
}
