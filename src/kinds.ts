/**
 * For its effect, in the isolates that this library makes: whatever kind of shared object arrives, its class is here, and
 * so is what gives up and abandons those of a thread that has died. (What records of the floors above hold stands in
 * memory/contents.ts.)
 */
import './queue/index.ts';
import './shared/index.ts';
import './sync/index.ts';
