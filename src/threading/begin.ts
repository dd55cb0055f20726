/** For its effect: an isolate of a program that was packed into a file with this library goes on from here. See entry.ts. */
import { importedAtStart } from '../functions/index.ts';
import { bundleData } from './entry.ts';
import { beginIsolate } from './isolate.ts';

if (bundleData?.telaio === 'isolate' && !bundleData.begun) {
  bundleData.begun = true;
  importedAtStart(bundleData.bundle, () => beginIsolate(bundleData?.loaded));
}
