/** Functions cross threads: a function taken apart into a plain description and captured values, and put together again. */
export { accessorOf } from './accessor.ts';
export { captureFunction, describeFunction } from './capture.ts';
export { hookText, installModuleHooks, REGISTRY } from './hooks.ts';
export { importedAtStart, isImportingModule, loadModuleOf } from './modules.ts';
export { isOwn, ownFile, ownFolder, urlOf } from './own.ts';
export { exportedFrom, type PreparedFunction, prepareFunction, rebuildFunction } from './rebuild.ts';
export { type AnyFunction, type CapturedFunction, describeReference, type FunctionReference } from './reference.ts';
