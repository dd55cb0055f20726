/** Makes functions and classes part of what messages can hold. Imported for its effect. */
import { FunctionError } from '../errors.ts';
import { functionCodec } from '../memory/index.ts';
import { captureFunction } from './capture.ts';
import { prepareFunction } from './rebuild.ts';
import { type AnyFunction, describeReference, type FunctionReference } from './reference.ts';

functionCodec.current = {
  capture: (fn) => captureFunction(fn as AnyFunction),
  refuse: (reference, variable, cause) =>
    new FunctionError(
      `Function ${describeReference(reference as FunctionReference)} can't run in another thread: it captures ` +
        `'${variable}', and ${cause.message}`,
      undefined,
      { cause },
    ),
  prepare(reference) {
    const { fn, setCaptures } = prepareFunction(reference as FunctionReference);
    return fn === undefined ? { build: setCaptures } : { fn, fill: setCaptures };
  },
};
