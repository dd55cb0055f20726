export * from './errors.ts';
export * from './futures/index.ts';
export * from './queue/index.ts';
export * from './shared/index.ts';
export * from './threading/index.ts';
