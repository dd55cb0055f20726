/** Makes functions and classes part of what messages can hold. Imported for its effect. */
import { functionCodec } from '../memory/index.ts';
import { captureFunction } from './capture.ts';
import { prepareFunction } from './rebuild.ts';
import type { AnyFunction, FunctionReference } from './reference.ts';

functionCodec.current = {
  capture: (fn) => captureFunction(fn as AnyFunction),
  prepare(reference) {
    const { fn, setCaptures } = prepareFunction(reference as FunctionReference);
    return fn === undefined ? { build: setCaptures } : { fn, fill: setCaptures };
  },
};
