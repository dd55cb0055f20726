import type { Event } from 'telaio';

export function give(bytes: Uint8Array): Uint8Array;
export function holdUntil(event: Event): void;
