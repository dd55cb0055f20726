/** Makes functions and classes part of what messages can hold. Imported for its effect. */
import { CloneError, FunctionError } from '../errors.ts';
import { functionCodec } from '../memory/index.ts';
import { captureFunction, NativeCodeError, NO_SOURCE } from './capture.ts';
import { prepareFunction } from './rebuild.ts';
import { type AnyFunction, describeReference, type FunctionReference } from './reference.ts';

functionCodec.current = {
  capture: (fn) => captureFunction(fn as AnyFunction),
  refuse(reference, variable, cause, path) {
    let wrong: string;
    if (cause instanceof CloneError) wrong = cause.message;
    else if (cause instanceof NativeCodeError) wrong = `${path} is the function ${cause.shown}: ${NO_SOURCE}`;
    else return undefined;
    return new FunctionError(
      `Function ${describeReference(reference as FunctionReference)} can't run in another thread: it captures ` +
        `'${variable}', and ${wrong}`,
      undefined,
      { cause },
    );
  },
  prepare(reference) {
    const { fn, setCaptures } = prepareFunction(reference as FunctionReference);
    return fn === undefined ? { build: setCaptures } : { fn, fill: setCaptures };
  },
};
