export * from './errors.ts';
export * from './queue/index.ts';
export * from './threading/index.ts';
